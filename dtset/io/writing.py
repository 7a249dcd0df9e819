"""Files that a job writes: complete or absent, and known again by the records of the job."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

from dtset.checkpoint.layout import written_path
from dtset.checkpoint.placed import find_note, placed
from dtset.errors import ConfigurationError
from dtset.execution.stage import Scope, TaskSettings
from dtset.io.files import failing, file_system, find_files, fixed_names, opened
from dtset.io.formats import Format
from dtset.operators.kernels.batching import Batches
from dtset.operators.kernels.failure import Place
from dtset.storage.objects import ObjectStore
from dtset.urls import shown_url

_TEMPORARY = ".dtset-tmp-"
# An upload to these is seen when it is complete.
_AT_ONCE = ("memory:", "s3:", "s3a:", "gs:", "gcs:", "az:", "abfs:", "abfss:", "oci:", "oss:")
_PART = re.compile(r"part-(\d{5,})\.\w+")


@dataclass(frozen=True)
class Target:
    """A folder that a TSet is written to, a file a partition."""

    url: str = field(repr=False)
    format: Format
    options: Mapping[str, Any] = field(repr=False)

    @property
    def shown(self) -> str:
        """The URL, without what is secret in it."""
        return shown_url(self.url)

    def name(self, partition: int) -> str:
        """Return the name of a partition's file."""
        return f"part-{partition:05d}{self.format.suffix}"

    def path(self, name: str) -> str:
        """Return the URL of a file in the folder."""
        return f"{self.url.rstrip('/')}/{name}"

    @property
    def digest(self) -> str:
        """What records of the target lie under."""
        return hashlib.sha256(self.shown.rstrip("/").encode()).hexdigest()[:32]

    def names(self) -> list[str]:
        """Return the names of what is in the folder, without what begins with a dot."""
        with failing(self.url, self.options):
            fs = file_system(self.url, self.options)
            fs.invalidate_cache()
            try:
                found = fs.ls(fs._strip_protocol(self.url), detail=False)
            except FileNotFoundError:
                return []
        names = (path.rstrip("/").rpartition("/")[2] for path in found)
        return sorted(name for name in names if name and not name.startswith("."))

    def state(self, name: str) -> tuple[int, str] | None:
        """Return the size of a file, and what tells its content from others; None if it is not there."""
        try:
            (file,) = find_files(self.path(name), self.options)
        except FileNotFoundError:
            return None
        return file.size, file.identity

    @contextmanager
    def opened(self, partition: int | None) -> Iterator[Any]:
        """Open the file of a partition for its bytes, if one is asked for."""
        if partition is None:
            yield None
            return
        (file,) = find_files(self.path(self.name(partition)), self.options)
        with opened(file) as found:
            yield found

    def remove(self, names: list[str]) -> None:
        """Remove files of the folder."""
        with failing(self.url, self.options):
            fs = file_system(self.url, self.options)
            for name in names:
                fs.rm_file(fs._strip_protocol(self.path(name)))

    def remove_temporary(self) -> None:
        """Remove what was begun by writers that are dead."""
        if _is_local(self.url) and os.path.isdir(self.url):
            for name in os.listdir(self.url):
                if name.startswith(_TEMPORARY):
                    os.unlink(os.path.join(self.url, name))

    @contextmanager
    def created(self, name: str, attempt: str) -> Iterator[Any]:
        """Open a file for bytes; it is there under its name when all is written, and not before."""
        temporary = f"{_TEMPORARY}{attempt}-{name}"
        if _is_local(self.url):
            os.makedirs(self.url, exist_ok=True)
            with _removed_at_last(os.path.join(self.url, temporary)) as path:
                with open(path, "wb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(path, self.path(name))
            return
        with tempfile.TemporaryDirectory(prefix="dtset-") as folder:
            copy = os.path.join(folder, name)
            with open(copy, "wb") as file:
                yield file
            with failing(self.url, self.options):
                self._upload(copy, name, temporary)

    def _upload(self, copy: str, name: str, temporary: str) -> None:
        """Bring a file of this machine to the folder: at once, or under another name first."""
        fs = file_system(self.url, self.options)
        path = fs._strip_protocol(self.path(name))
        fs.makedirs(fs._parent(path), exist_ok=True)
        if self.url.startswith(_AT_ONCE):
            fs.put_file(copy, path)
        else:
            hidden = fs._strip_protocol(self.path(temporary))
            fs.put_file(copy, hidden)
            fs.mv(hidden, path)


@contextmanager
def _removed_at_last(path: str) -> Iterator[str]:
    """Give a path, and remove what is left under it."""
    try:
        yield path
    finally:
        if os.path.exists(path):
            os.unlink(path)


def target_of(url: Any, format: Format, options: Mapping[str, Any]) -> Target:
    """Return the target of a URL or a path, as it is understood now."""
    names = fixed_names(url) if url else ()
    if len(names) != 1 or "::" in names[0]:
        raise ConfigurationError(
            f"{format.said}() takes the URL of one folder, and was given {shown_url(str(url)) or url!r}"
        )
    return Target(names[0], format, options)


@dataclass(frozen=True)
class FileOutput:
    """Elements are written to a file of a target; what is written is recorded, where there is a fingerprint."""

    target: Target
    fingerprint: str | None

    def consume(self, batches: Batches, scope: Scope, deal: str | None) -> bool:
        """Write a partition, then its record; return whether it has elements, without which nothing is written."""
        some = (batch for batch in batches if len(batch))
        first = next(some, None)
        if first is not None:
            with Place(self.target.format.said, "", scope.partition).noting():
                given = chain([first], some)
                self._write(
                    scope.partition, scope.settings, partial(self.target.format.write, given)
                )
        return first is not None

    def fill(self, partitions: Sequence[int], like: int | None, settings: TaskSettings) -> None:
        """Write partitions without elements, with the columns of one that has some."""
        for partition in partitions:
            with self.target.opened(like) as other:
                self._write(partition, settings, partial(self.target.format.write_none, other))

    def _write(self, partition: int, settings: TaskSettings, write: Callable[[Any], None]) -> None:
        target = self.target
        with target.created(target.name(partition), uuid.uuid4().hex[:12]) as file:
            write(file)
        if self.fingerprint is not None:
            state = target.state(target.name(partition))
            path = written_path(settings.job_id, target.digest, str(partition))
            record = {"fingerprint": self.fingerprint, "state": state, "run": settings.run_id}
            settings.store.put(path, placed(path, record), durable=True)


@dataclass(frozen=True)
class Claim:
    """The record that a job writes to a target: what, and in how many files."""

    store: ObjectStore = field(repr=False)
    job_id: str
    target: Target

    def holds(self) -> str | None:
        """Return the fingerprint of what the job has written there last."""
        record = find_note(self.store, self._path("target"))
        return None if record is None else str(record["fingerprint"])

    def make(self, fingerprint: str, partitions: int) -> None:
        """Say, before anything is written, that it will be."""
        path = self._path("target")
        fields = {"fingerprint": fingerprint, "partitions": partitions, "url": self.target.shown}
        self.store.put(path, placed(path, fields), durable=True)

    def kept(self, fingerprint: str, partitions: int) -> set[int]:
        """Return the partitions whose files are there as they were recorded."""
        found = set()
        for partition in range(partitions):
            record = find_note(self.store, self._path(str(partition)))
            if record is None or record["fingerprint"] != fingerprint:
                continue
            state = self.target.state(self.target.name(partition))
            if state is not None and list(state) == record["state"]:
                found.add(partition)
        return found

    def _path(self, name: str) -> str:
        return written_path(self.job_id, self.target.digest, name)


def is_part(name: str) -> bool:
    """Whether a file is named as those that are written here.

    Examples
    --------
    >>> is_part("part-00012.csv"), is_part("notes.csv")
    (True, False)
    """
    return _PART.fullmatch(name) is not None


def _is_local(url: str) -> bool:
    return os.path.isabs(url)
