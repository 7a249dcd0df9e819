"""Entries of one array, streamed out as chunks, and in, each chunk verified before it is interpreted."""

from __future__ import annotations

import hashlib

import numpy as np

from dtset.errors import CorruptCheckpointError
from dtset.storage.codecs import ChunkCodec
from dtset.storage.kinds import Array
from dtset.storage.objects import ObjectStore
from dtset.storage.partition_summary import ArraySummary
from dtset.storage.zarr_group import chunk_key


class ArraySink:
    """Collects entries of an array and writes each chunk when it is full.

    Which entries share a chunk depends on their place in the array only.
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
            chunk = np.concatenate(
                [chunk, np.zeros((size - len(chunk), *chunk.shape[1:]), chunk.dtype)]
            )
        data = self._codec.encode(chunk)
        self._store.put(f"{self._path}/{chunk_key(len(self._digests), self._codec.shape)}", data)
        self._digests.append(hashlib.sha256(data).hexdigest())
        self.nbytes += len(data)
        self._held, self._held_entries = [], 0


class ArrayStream:
    """Reads an array from its beginning, a chunk at a time."""

    def __init__(
        self, store: ObjectStore, path: str, summary: ArraySummary, codec: ChunkCodec
    ) -> None:
        self._store = store
        self._path = path
        self._summary = summary
        self._codec = codec
        self._held: Array = np.empty((0, *codec.shape), codec.dtype)
        self._next = 0

    def take(self, count: int, *, keep: int = 0) -> Array:
        """Return the next entries, of which the last `keep` will come again."""
        parts, held = [self._held], len(self._held)
        while held < count:
            parts.append(self._read())
            held += len(parts[-1])
        filled = [part for part in parts if len(part)] or parts[:1]
        entries = filled[0] if len(filled) == 1 else np.concatenate(filled)
        self._held = entries[count - keep :]
        return entries[:count]

    def _read(self) -> Array:
        path = f"{self._path}/{chunk_key(self._next, self._codec.shape)}"
        where = f"{self._store.url}/{path}"
        if self._next >= len(self._summary.digests):
            raise _corrupt(
                where, f"{self._summary.length} entries in all", "a record of fewer chunks"
            )
        expected = self._summary.digests[self._next]
        try:
            data = self._store.get(path)
        except FileNotFoundError:
            raise _corrupt(where, f"an object with digest {expected}", "none") from None
        found = hashlib.sha256(data).hexdigest()
        if found != expected:
            raise _corrupt(where, f"digest {expected}", f"{found} ({len(data)} bytes)")
        entries = self._codec.decode(data)
        if len(entries) != self._summary.chunk:
            raise _corrupt(where, f"{self._summary.chunk} entries", str(len(entries)))
        start = self._next * self._summary.chunk
        self._next += 1
        return entries[: self._summary.length - start]


def _corrupt(where: str, expected: str, found: str) -> CorruptCheckpointError:
    return CorruptCheckpointError(
        f"stored data is damaged: {where}: expected {expected}, found {found}. "
        "Compute this TSet anew with persist(refresh=True), or remove it with `dtset clear`"
    )
