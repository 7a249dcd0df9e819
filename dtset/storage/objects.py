"""The interface to a store: bytes under paths, below one URL."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from dtset.errors import StoreError

Buffer: TypeAlias = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Entry:
    """An object in a listing.

    Examples
    --------
    >>> Entry("job/job.json", 312).size
    312
    """

    path: str
    size: int


class ObjectStore(Protocol):
    """Bytes under relative paths separated by ``/``, below one URL.

    A prefix names a folder (or a single object), not the beginning of a name: ``a/b`` covers
    ``a/b`` and ``a/b/c``, but not ``a/bc``. Stores can be pickled, and be used by several threads.
    Whatever fails raises `StoreError` naming the path, but for `get` of what is not there.
    """

    @property
    def url(self) -> str:
        """Where the store lies, without credentials."""

    def get(self, path: str) -> bytes:
        """Return an object's bytes; FileNotFoundError if there is none."""

    def get_range(self, path: str, start: int, end: int) -> bytes:
        """Return an object's bytes from one to another, fewer where it ends before; FileNotFoundError if there is none."""

    def put(self, path: str, data: Buffer, *, durable: bool = False) -> None:
        """Write an object, replacing at once what was there.

        With `durable`, a local store has flushed the object and its folders when this returns.
        """

    def create(self, path: str, data: bytes) -> bool:
        """Write an object unless there is one, durably; return whether it was this call.

        Nobody ever sees a part of it. A retried write may meet its own object, so `data` must be
        unlike what anybody else writes there, as by an attempt's ID in it.
        """

    def copy(self, source: str, target: str) -> None:
        """Copy an object to where there is none, without its bytes passing through here if possible.

        FileNotFoundError if there is no source.
        """

    def list(self, prefix: str) -> list[Entry]:
        """Return the objects below a prefix, by path; none if there is no such prefix."""

    def folders(self, prefix: str) -> Sequence[str]:
        """Return the names, sorted, of the folders directly below a prefix, without looking into them.

        A file system may have empty ones, which hold no objects.
        """

    def delete(self, prefix: str) -> None:
        """Delete the objects below a prefix; those that are gone already do not matter."""

    def sync(self, prefix: str) -> None:
        """Make durable what this store object has written below a prefix."""


def check_writable(store: ObjectStore) -> None:
    """Raise StoreError unless objects can be written to, read from and deleted in a store.

    Examples
    --------
    >>> from dtset.storage.opening import open_store
    >>> check_writable(open_store("memory://doctest-objects"))
    """
    path = f".dtset-probe-{uuid.uuid4().hex}"
    probe = uuid.uuid4().bytes
    store.put(path, probe)
    try:
        found = store.get(path)
    except FileNotFoundError:
        found = b""
    store.delete(path)
    if found != probe:
        raise StoreError(
            f"{store.url} does not give back what was written to it: give a store that is consistent"
        )


def check_path(path: str, *, root: bool = False) -> str:
    """Return a path if it stays below its store; the empty one only where `root` is allowed.

    Examples
    --------
    >>> check_path("a/b")
    'a/b'
    """
    parts = path.split("/")
    if (path == "" and root) or not ("" in parts or "." in parts or ".." in parts or os.sep != "/"):
        return path
    raise StoreError(f"{path!r} is no path below a store: give names separated by single '/'")
