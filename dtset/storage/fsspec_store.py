"""A store on any file system that fsspec knows."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

from dtset.errors import ReadOnlyStoreError, StoreError
from dtset.storage.objects import Buffer, Entry, check_path
from dtset.urls import redacted, shown_url

_OWN_EXTRAS = {"s3": "s3", "s3a": "s3"}
_CREATE_TRIES = 4
_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}
# Without folders: "not found" in a write means the bucket, and nobody asked for a new one.
_FLAT = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci", "tos", "r2"}
# The memory file system looks and writes in two steps, and lives in one process only.
_memory_lock = threading.Lock()


class FsspecStore:
    """Objects on a file system of fsspec's.

    Creation is exclusive where the file system has an exclusive create (S3: a conditional put);
    elsewhere the last complete object stands. Flushing is the service's affair.

    No message, log or ``repr`` shows the options.

    Examples
    --------
    >>> store = FsspecStore("memory://doctest-fsspec")
    >>> store.put("a", b"1")
    >>> store
    FsspecStore('memory://doctest-fsspec')
    >>> store.delete("a")
    """

    def __init__(self, url: str, storage_options: Mapping[str, Any] | None = None) -> None:
        self._target = url.rstrip("/") if not url.endswith("://") else url
        self._options = dict(storage_options or {})
        self._connect()

    def _connect(self) -> None:
        import fsspec.core

        try:
            self._fs, root = fsspec.core.url_to_fs(self._target, **self._options)
        except Exception as error:
            raise self._error("open", "", error, _package_advice(self._target)) from None
        self._root = str(root).rstrip("/")
        named = self._fs.protocol
        protocols = {named} if isinstance(named, str) else set(named)
        self._in_memory = "memory" in protocols
        self._flat = bool(protocols & _FLAT)

    def __getstate__(self) -> dict[str, Any]:
        return {"target": self._target, "options": self._options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._target = state["target"]
        self._options = state["options"]
        self._connect()

    def __repr__(self) -> str:
        return f"FsspecStore({self.url!r})"

    @property
    def url(self) -> str:
        """The URL, without what is secret in it."""
        return shown_url(self._target)

    def get(self, path: str) -> bytes:
        """Return an object's bytes; FileNotFoundError if there is none."""
        return self._read(path)

    def get_range(self, path: str, start: int, end: int) -> bytes:
        """Return an object's bytes from one to another, fewer where it ends before; FileNotFoundError if there is none."""
        return self._read(path, start=start, end=end) if start < end else b""

    def _read(self, path: str, **bounds: int) -> bytes:
        with self._failing("read", path):
            try:
                return bytes(self._fs.cat_file(self._key(path), **bounds))
            except (IsADirectoryError, NotADirectoryError) as error:
                raise FileNotFoundError(f"{self.url}/{path}") from error

    def put(self, path: str, data: Buffer, *, durable: bool = False) -> None:
        """Write an object, replacing at once what was there."""
        key = self._key(path)
        with self._failing("write", path, missing=False):
            try:
                self._fs.pipe_file(key, bytes(data))
            except FileNotFoundError:
                if self._flat:
                    raise
                self._make_parent(key)
                self._fs.pipe_file(key, bytes(data))

    def create(self, path: str, data: bytes) -> bool:
        """Write an object unless there is one; return whether it was this call."""
        if self._in_memory:
            with _memory_lock:
                return self._create(path, data)
        return self._create(path, data)

    def copy(self, source: str, target: str) -> None:
        """Copy an object: on S3, without reading it."""
        original, key = self._key(source), self._key(target)
        with self._failing("copy", source):
            if not self._flat:
                self._make_parent(key)
            self._fs.cp_file(original, key)

    def list(self, prefix: str) -> list[Entry]:
        """Return the objects below a prefix, by path."""
        top = self._key(prefix, root=True)
        with self._failing("list", prefix):
            # A cached listing does not show what other processes have written.
            self._fs.invalidate_cache()
            try:
                found = self._fs.find(top, detail=True, withdirs=False)
            except FileNotFoundError:
                return []
        entries = [
            Entry(str(key)[len(self._root) :].lstrip("/"), int(info["size"] or 0))
            for key, info in found.items()
            if info["type"] == "file"
        ]
        return sorted(entries, key=lambda entry: entry.path)

    def folders(self, prefix: str) -> Sequence[str]:
        """Return the names of the folders directly below a prefix."""
        top = self._key(prefix, root=True)
        with self._failing("list", prefix):
            self._fs.invalidate_cache()
            try:
                found = self._fs.ls(top, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return []
        keys = (str(each["name"]).rstrip("/") for each in found if each["type"] == "directory")
        # Some services list a folder's own marker among what is below it.
        return sorted(key.rpartition("/")[2] for key in keys if key.strip("/") != top.strip("/"))

    def delete(self, prefix: str) -> None:
        """Delete the objects below a prefix."""
        key = self._key(prefix)
        with self._failing("delete", prefix):
            self._fs.invalidate_cache()
            try:
                self._fs.rm(key, recursive=True)
            except FileNotFoundError:
                return

    def sync(self, prefix: str) -> None:
        """Return at once: an object that was written is as safe as the service makes it."""
        check_path(prefix, root=True)

    def _key(self, path: str, *, root: bool = False) -> str:
        checked = check_path(path, root=root)
        return f"{self._root}/{checked}" if checked else self._root

    def _make_parent(self, key: str) -> None:
        self._fs.makedirs(key.rpartition("/")[0], exist_ok=True)

    def _create(self, path: str, data: bytes) -> bool:
        key = self._key(path)
        for attempt in range(_CREATE_TRIES):
            try:
                self._pipe_exclusively(key, data)
                return True
            except FileNotFoundError as error:
                if self._flat:
                    raise self._error("create", path, error) from None
                with self._failing("create", path, missing=False):
                    self._make_parent(key)
            except Exception as error:
                # Whatever went wrong, what lies there now decides: it may even be ours, if the
                # first answer got lost and the client tried again by itself.
                try:
                    return self.get(path) == data
                except FileNotFoundError:
                    if attempt == _CREATE_TRIES - 1 or _refused("create", error):
                        raise self._error("create", path, error) from None
                # S3 answers 409 while another conditional write is under way.
                time.sleep(0.05 * 2**attempt)
        raise StoreError(f"cannot create {self.url}/{path}: its folder cannot be made")

    def _pipe_exclusively(self, key: str, data: bytes) -> None:
        try:
            self._fs.pipe_file(key, data, mode="create")
        except TypeError:
            # File systems older than `mode`: look, then write; the last complete object stands.
            if self._fs.exists(key):
                raise FileExistsError(key) from None
            self._fs.pipe_file(key, data)

    @contextmanager
    def _failing(self, verb: str, path: str, *, missing: bool = True) -> Iterator[None]:
        """Turn what a backend raises into a StoreError; a missing object stays what it is."""
        try:
            yield
        except StoreError:
            raise
        except FileNotFoundError as error:
            if missing:
                raise FileNotFoundError(f"{self.url}/{path}") from None
            raise self._error(verb, path, error) from None
        except Exception as error:
            raise self._error(verb, path, error) from None

    def _error(self, verb: str, path: str, error: Exception, advice: str = "") -> StoreError:
        """Describe a failure; its cause is not chained, since a backend's error may show options."""
        where = f"{self.url}/{path}" if path else self.url
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        what = redacted(what, self._target, self._options)
        advice = advice or "Check the URL, its storage_options and your permissions"
        kind = ReadOnlyStoreError if _refused(verb, error) else StoreError
        return kind(f"cannot {verb} {where}: {what}. {advice}")


def _refused(verb: str, error: Exception) -> bool:
    """Whether a write failed as what is there may only be read."""
    return verb in {"write", "create", "delete"} and (
        isinstance(error, PermissionError | NotImplementedError)
        or (isinstance(error, OSError) and error.errno in _REFUSED)
    )


def _package_advice(url: str) -> str:
    """Say which package a URL needs, or that no package is known for it."""
    import importlib.util

    from fsspec.registry import known_implementations, registry

    protocol = url.partition("://")[0].rpartition("::")[2]
    if protocol in _OWN_EXTRAS and importlib.util.find_spec("s3fs") is None:
        return f"Install the package s3fs: pip install 'dtset[{_OWN_EXTRAS[protocol]}]'"
    known = cast("dict[str, dict[str, str]]", known_implementations).get(protocol)
    if known is not None and known.get("err"):
        return (
            f"If a package is missing: {known['err']}. Else check the URL and its storage_options"
        )
    if known is None and protocol not in registry:
        return (
            f"fsspec knows no file system {protocol!r}: install the package that provides it, or use "
            "a path, file://, memory:// or s3://"
        )
    return ""
