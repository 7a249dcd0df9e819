"""Opening a store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dtset.storage.fsspec_store import FsspecStore
from dtset.storage.local_store import LocalStore, local_path
from dtset.storage.objects import ObjectStore


def open_store(
    url: str,
    storage_options: Mapping[str, Any] | None = None,
    *,
    create: bool = True,
    durable: bool = True,
) -> ObjectStore:
    """Open the store at an fsspec URL or a path.

    Examples
    --------
    >>> store = open_store("memory://doctest-objects")
    >>> store.put("a/b", b"some bytes")
    >>> store.get("a/b"), store.list("a")
    (b'some bytes', [Entry(path='a/b', size=10)])
    >>> store.create("a/b", b"others"), store.create("a/c", b"others")
    (False, True)
    >>> store.delete("a")
    """
    path = local_path(url)
    if path is not None:
        return LocalStore(path, create=create, durable=durable)
    return FsspecStore(url, storage_options)
