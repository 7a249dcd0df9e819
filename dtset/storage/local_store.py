"""A store in a folder of a local, or locally mounted, file system."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from dtset.errors import ReadOnlyStoreError, StoreError
from dtset.storage.objects import Buffer, Entry, check_path

if TYPE_CHECKING:
    from multiprocessing.pool import ThreadPool

_TEMPORARY = ".dtset-tmp-"
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_CLAIM_SECONDS = 2.0
_FEW, _MANY, _FLUSHERS = 3, 1000, 8


def local_path(url: str) -> str | None:
    """Return the absolute path that a URL or path means; None if it is another file system's.

    Examples
    --------
    >>> local_path("file:///data/store"), local_path("s3://bucket/store")
    ('/data/store', None)
    """
    for scheme in ("file://", "local://"):
        if url.startswith(scheme):
            # file:// URLs may name a host, which is this one.
            rest = unquote(url[len(scheme) :]).removeprefix("localhost")
            return os.path.abspath(os.path.expanduser(rest))
    # A path may have :: in it; a chain of URLs begins with a protocol.
    if "://" in url or re.match("[a-z0-9]+::", url):
        return None
    return os.path.abspath(os.path.expanduser(url))


class LocalStore:
    """Objects as files below a folder.

    Writes go to a temporary file in the same folder and are then renamed or linked into place, so
    that a reader, or a crash, never meets a part of an object. What `sync` has still to flush is
    kept by this object only: a pickled copy starts with nothing to flush. What is in the folder has the modes
    that the umask leaves, and the group of a folder that passes its own on.

    It is made, if it is to be, for this user alone. Without `durable`, nothing is flushed to disk.

    Examples
    --------
    >>> import tempfile
    >>> store = LocalStore(tempfile.mkdtemp())
    >>> store.create("parts/0.json", b"first"), store.create("parts/0.json", b"second")
    (True, False)
    >>> store.get("parts/0.json")
    b'first'
    """

    def __init__(self, folder: str, *, create: bool = True, durable: bool = True) -> None:
        self._root = os.path.abspath(os.path.expanduser(folder))
        self._durable = durable
        self._begin()
        if create:
            with _failing("make the folder of the store", self._root):
                made = not os.path.isdir(self._root)
                os.makedirs(self._root, mode=0o700, exist_ok=True)
                if made and durable:
                    # What is above a folder of the user's may not even be read.
                    _flush(os.path.dirname(self._root))
        elif not os.path.isdir(self._root):
            raise StoreError(
                f"there is no store at {self._root}: give the path of one, or create it"
            )

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._unflushed: dict[str, int] = {}
        self._anchored: set[str] = set()

    def __getstate__(self) -> dict[str, object]:
        return {"root": self._root, "durable": self._durable}

    def __setstate__(self, state: dict[str, object]) -> None:
        self._root = str(state["root"])
        self._durable = bool(state["durable"])
        self._begin()

    def __repr__(self) -> str:
        return f"LocalStore({self._root!r})"

    @property
    def url(self) -> str:
        """The folder's absolute path."""
        return self._root

    def get(self, path: str) -> bytes:
        """Return an object's bytes; FileNotFoundError if there is none."""
        return self._read(path, _read_all)

    def get_range(self, path: str, start: int, end: int) -> bytes:
        """Return an object's bytes from one to another, fewer where it ends before; FileNotFoundError if there is none."""
        return self._read(path, lambda descriptor: os.pread(descriptor, end - start, start))

    def _read(self, path: str, read: Callable[[int], bytes]) -> bytes:
        file = self._file(path)
        with _failing("read", file):
            try:
                descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
            except NotADirectoryError as error:
                raise FileNotFoundError(errno.ENOENT, "no such object", file) from error
            try:
                return read(descriptor)
            except IsADirectoryError as error:
                raise FileNotFoundError(errno.ENOENT, "a folder, not an object", file) from error
            finally:
                os.close(descriptor)

    def put(self, path: str, data: Buffer, *, durable: bool = False) -> None:
        """Write an object, replacing at once what was there."""
        file = self._file(path)
        durable = durable and self._durable
        with _failing("write", file):
            temporary = self._write_beside(file, data, flush=durable)
            try:
                os.rename(temporary, file)
            except BaseException:
                os.unlink(temporary)
                raise
            if durable:
                self._flush_folders({os.path.dirname(file)})
            elif self._durable:
                with self._lock:
                    self._unflushed[file] = self._unflushed.get(file, 0) + 1

    def create(self, path: str, data: bytes) -> bool:
        """Write an object unless there is one, durably; return whether it was this call."""
        file = self._file(path)
        with _failing("create", file):
            if os.path.lexists(file):
                return False
            temporary = self._write_beside(file, data, flush=self._durable)
            try:
                created = _place_exclusively(temporary, file)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(temporary)
            if self._durable:
                self._flush_folders({os.path.dirname(file)})
            return created

    def copy(self, source: str, target: str) -> None:
        """Copy an object: as a link, since what is written is never changed."""
        original, file = self._file(source), self._file(target)
        folder = os.path.dirname(file)
        with _failing("read", original):
            try:
                try:
                    os.link(original, file)
                except FileNotFoundError:
                    os.makedirs(folder, exist_ok=True)
                    os.link(original, file)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                self.put(target, self.get(source))
                return
        if self._durable:
            # The bytes are as safe as those of the original: what is new is the name.
            name = f"{folder}/."
            with self._lock:
                self._unflushed[name] = self._unflushed.get(name, 0) + 1

    def list(self, prefix: str) -> list[Entry]:
        """Return the objects below a prefix, by path."""
        top = self._file(prefix, root=True)
        with _failing("list", top):
            return sorted(self._entries(top), key=lambda entry: entry.path)

    def folders(self, prefix: str) -> Sequence[str]:
        """Return the names of the folders directly below a prefix."""
        top = self._file(prefix, root=True)
        with _failing("list", top):
            try:
                scan = os.scandir(top)
            except (FileNotFoundError, NotADirectoryError):
                return []
            with scan:
                return sorted(item.name for item in scan if item.is_dir())

    def delete(self, prefix: str) -> None:
        """Delete the objects below a prefix."""
        file = self._file(prefix)
        # What is gone already is as it was asked for.
        with _failing("delete", file), suppress(FileNotFoundError, NotADirectoryError):
            _remove(file)
        with self._lock:
            for each in [f for f in self._unflushed if _within(f, file)]:
                del self._unflushed[each]
            self._anchored = {each for each in self._anchored if not _within(each, file)}

    def sync(self, prefix: str) -> None:
        """Flush what this object has written below a prefix, files and folders, to disk."""
        top = self._file(prefix, root=True)
        with self._lock:
            files = {f: count for f, count in self._unflushed.items() if _within(f, top)}
        if not files:
            return
        with _failing("flush", top):
            self._flush_folders({os.path.dirname(file) for file in files}, files)
        # Forgotten only now: another thread's sync must not find them missing before they are safe.
        with self._lock:
            for file, count in files.items():
                if self._unflushed.get(file) == count:
                    del self._unflushed[file]

    def _file(self, path: str, *, root: bool = False) -> str:
        checked = check_path(path, root=root)
        return f"{self._root}/{checked}" if checked else self._root

    def _write_beside(self, file: str, data: Buffer, *, flush: bool) -> str:
        """Write a temporary file in the same folder, which is made if need be; return its path."""
        folder = os.path.dirname(file)
        temporary = f"{folder}/{_TEMPORARY}{uuid.uuid4().hex}"
        try:
            _write(temporary, data, flush=flush)
        except FileNotFoundError:
            if not os.path.isdir(self._root):
                # Made again, it would hold data without the records that make them findable.
                raise StoreError(
                    f"cannot write {file}: the folder of the store, {self._root}, is gone. Start the job again"
                ) from None
            os.makedirs(folder, exist_ok=True)
            _write(temporary, data, flush=flush)
        return temporary

    def _flush_folders(self, folders: set[str], files: Iterable[str] = ()) -> None:
        """Flush folders, and once for each folder on the way to the root the entry in its parent."""
        pending = set(folders)
        anchors: set[str] = set()
        for folder in folders:
            while folder != self._root and not (folder in anchors or folder in self._anchored):
                anchors.add(folder)
                folder = os.path.dirname(folder)
                pending.add(folder)
        _flush_all([*files, *pending])
        with self._lock:
            # Of too many to remember, entries are flushed once more.
            self._anchored = anchors | (self._anchored if len(self._anchored) < 4096 else set())

    def _entries(self, top: str) -> Iterator[Entry]:
        try:
            scan = os.scandir(top)
        except FileNotFoundError:
            return
        except NotADirectoryError:
            if os.path.isfile(top):
                yield Entry(top[len(self._root) + 1 :], os.path.getsize(top))
            return
        with scan:
            for item in scan:
                if item.is_dir():
                    yield from self._entries(item.path)
                elif not item.name.startswith(_TEMPORARY):
                    # Files come and go while others list.
                    with suppress(FileNotFoundError):
                        yield Entry(item.path[len(self._root) + 1 :], item.stat().st_size)


@contextmanager
def _failing(verb: str, path: str) -> Iterator[None]:
    """Turn an OSError into a StoreError that names the path; an object not there to read stays so."""
    try:
        yield
    except OSError as error:
        if isinstance(error, StoreError) or (
            verb == "read" and isinstance(error, FileNotFoundError)
        ):
            raise
        reason = error.strerror or type(error).__name__
        refused = verb in {"write", "create", "delete"} and error.errno in _REFUSED
        raise (ReadOnlyStoreError if refused else StoreError)(
            f"cannot {verb} {path}: {reason}. Check its permissions and the free space, or give another store"
        ) from error


def _within(file: str, top: str) -> bool:
    return file == top or file.startswith(top + "/")


def _read_all(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    data = os.read(descriptor, size + 1)
    if len(data) == size:
        return data
    # One read gives 2 GiB at most.
    parts = [data]
    while part := os.read(descriptor, 1 << 30):
        parts.append(part)
    return b"".join(parts)


def _write(temporary: str, data: Buffer, *, flush: bool) -> None:
    """Write a file that is not there yet; nothing is left of one that cannot be written."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o666)
    try:
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        if flush:
            os.fsync(descriptor)
    except BaseException:
        os.close(descriptor)
        os.unlink(temporary)
        raise
    os.close(descriptor)


def _place_exclusively(temporary: str, file: str) -> bool:
    try:
        os.link(temporary, file)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _place_by_claim(temporary, file)
    return True


def _place_by_claim(temporary: str, file: str) -> bool:
    """Rename into place, where links are not supported, holding a claim that others respect.

    The claim prevents that two renames both find nothing there. One that its owner left when it
    died is passed over after a while: then the last complete object stands, which is right too.
    """
    folder, name = os.path.split(file)
    claim = f"{folder}/{_TEMPORARY}claim-{name}"
    deadline = time.monotonic() + _CLAIM_SECONDS
    while True:
        try:
            os.close(os.open(claim, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666))
            break
        except FileExistsError:
            if os.path.lexists(file):
                return False
            if time.monotonic() > deadline:
                break
            time.sleep(0.01)
    try:
        if os.path.lexists(file):
            return False
        os.rename(temporary, file)
        return True
    finally:
        with suppress(FileNotFoundError):
            os.unlink(claim)


def _flush_all(paths: Sequence[str]) -> None:
    if len(paths) > _MANY and sys.platform == "linux":
        # Here it returns when all is on disk.
        os.sync()
    elif len(paths) < _FEW:
        for path in paths:
            _flush(path)
    else:
        # Measured: flushed at once they share the disk's journal, in a third of the time.
        _flushers(os.getpid()).map(_flush, paths)


@lru_cache(maxsize=1)
def _flushers(process: int) -> ThreadPool:
    """Threads of this process, not those that a fork left behind without their threads.

    Daemons: Python would wait for ever, at its end, for one that Ctrl-C has kept from being known to its pool.
    """
    from multiprocessing.pool import ThreadPool

    return ThreadPool(_FLUSHERS)


def _flush(path: str) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # Deleted since: there is nothing left to keep.
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems do not flush folders, and say so.
        if not (Path(path).is_dir() and error.errno in {errno.EINVAL, errno.ENOTSUP}):
            raise
    finally:
        os.close(descriptor)


def _remove(file: str) -> None:
    try:
        os.unlink(file)
    except (IsADirectoryError, PermissionError):
        # POSIX lets unlink of a folder fail with EPERM.
        if not os.path.isdir(file):
            raise
        _remove_folder(file)


def _remove_folder(folder: str) -> None:
    """Remove a folder's content; others may be deleting, or even writing, in it too."""
    for _ in range(3):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            if not os.path.lexists(folder):
                return
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
        else:
            return
    shutil.rmtree(folder)
