"""Batches that are written to a temporary file of a worker's, which is gone with it whatever happens."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from dtset.storage.batch import Batch, rows_of
from dtset.storage.blocks import decode_block, encode_block
from dtset.storage.columns import Columns
from dtset.storage.pickling import ClassResolver, present_class
from dtset.storage.schema import PICKLED

# Python's objects beside the bytes that were pickled: they may have been read for their keys.
_OBJECT_BYTES = 256


def bytes_of(batch: Batch) -> int:
    """About how many bytes a batch takes in memory."""
    if not isinstance(batch, Columns):
        return _OBJECT_BYTES * len(batch)
    length = sum(array.nbytes for array in batch.arrays)
    return length + _OBJECT_BYTES * len(batch) if batch.schema == PICKLED else length


@dataclass
class Spill:
    """Runs of batches in one file, which has no name: what is left of a process that is killed is nothing."""

    directory: str | None
    runs: list[list[tuple[int, int]]] = field(default_factory=list)
    _file: IO[bytes] | None = None
    _length: int = 0
    _resolver: ClassResolver = present_class

    def write(self, batches: Iterable[Batch]) -> None:
        """Write a run."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self.directory)  # noqa: SIM115
        run: list[tuple[int, int]] = []
        for batch in batches:
            if isinstance(batch, Columns) and batch.schema == PICKLED:
                self._resolver = batch.resolver
            block = encode_block(batch)
            self._file.write(block)
            run.append((self._length, len(block)))
            self._length += len(block)
        self._file.flush()
        self.runs.append(run)

    def read(self, run: Iterable[tuple[int, int]]) -> Iterator[Batch]:
        """Give the batches of a run."""
        assert self._file is not None
        for offset, length in run:
            block = os.pread(self._file.fileno(), length, offset)
            yield from decode_block(block, self._resolver)

    def close(self) -> None:
        """Remove the file."""
        if self._file is not None:
            self._file.close()


class Kept:
    """Elements that can be read any number of times: in memory, and from a file where they are many."""

    def __init__(self, batches: Iterable[Batch], memory: int, directory: str | None) -> None:
        self._spill = Spill(directory)
        self._held: list[Batch] = []
        size = 0
        for batch in batches:
            self._held.append(batch)
            size += bytes_of(batch)
            if size >= memory:
                self._spill.write(self._held)
                self._held, size = [], 0

    def __iter__(self) -> Iterator[Any]:
        for run in self._spill.runs:
            yield from rows_of(self._spill.read(run))
        yield from rows_of(self._held)
