"""Entries of one array, streamed out as chunks."""

from __future__ import annotations

import hashlib

import numpy as np

from dtset.storage.codecs import ChunkCodec
from dtset.storage.kinds import Array
from dtset.storage.objects import ObjectStore
from dtset.storage.partition_summary import ArraySummary
from dtset.storage.zarr_group import chunk_key

__all__ = ["ArraySink"]


class ArraySink:
    """Collects entries of an array and writes each chunk when it is full.

    Which entries share a chunk depends on their place in the array only.

    Parameters
    ----------
    store : ObjectStore
        Where to write.
    path : str
        The array's path.
    chunk : int
        Entries in a chunk.
    codec : ChunkCodec
        How chunks are encoded.

    Examples
    --------
    >>> from dtset.storage.codecs import chunk_codec
    >>> from dtset.storage.objects import open_store
    >>> store = open_store("memory://doctest-sink")
    >>> sink = ArraySink(store, "a", 2, chunk_codec("none", "int64"))
    >>> sink.push(np.arange(3))
    >>> sink.finish().length, len(store.list("a"))
    (3, 2)
    >>> store.delete("a")
    """

    def __init__(self, store: ObjectStore, path: str, chunk: int, codec: ChunkCodec) -> None:
        self._store = store
        self._path = path
        self._chunk = chunk
        self._codec = codec
        self._held: list[Array] = []
        self._held_entries = 0
        self._digests: list[str] = []
        self.nbytes = 0

    def push(self, entries: Array) -> None:
        """Add entries at the end."""
        while self._held_entries + len(entries) >= self._chunk:
            room = self._chunk - self._held_entries
            self._held.append(entries[:room])
            entries = entries[room:]
            self._write(self._chunk)
        if len(entries):
            self._held.append(entries)
            self._held_entries += len(entries)

    def finish(self) -> ArraySummary:
        """Write what is left; the last of several chunks is padded with zeros."""
        full, rest = len(self._digests), self._held_entries
        length = full * self._chunk + rest
        chunk = self._chunk if full else max(rest, 1)
        if rest:
            self._write(chunk)
        return ArraySummary(length, chunk, tuple(self._digests))

    def _write(self, size: int) -> None:
        chunk = self._held[0] if len(self._held) == 1 else np.concatenate(self._held)
        if len(chunk) < size:
            chunk = np.concatenate([chunk, np.zeros(size - len(chunk), chunk.dtype)])
        data = self._codec.encode(chunk)
        self._store.put(f"{self._path}/{chunk_key(len(self._digests))}", data)
        self._digests.append(hashlib.sha256(data).hexdigest())
        self.nbytes += len(data)
        self._held, self._held_entries = [], 0
