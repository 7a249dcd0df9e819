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
    """Elements that can be read any number of times, while they come: in memory, and from a file where they are many."""

    def __init__(self, batches: Iterable[Batch], memory: int, directory: str | None) -> None:
        self._coming = iter(batches)
        self._memory = memory
        self._spill = Spill(directory)
        # What came: the places of what was written, then what is held.
        self._written: list[tuple[int, int]] = []
        self._held: list[Batch] = []
        self._size = self._length = 0

    def __iter__(self) -> Iterator[Any]:
        number = 0
        while number < len(self._written) + len(self._held) or self._take():
            if number < len(self._written):
                yield from rows_of(self._spill.read([self._written[number]]))
            else:
                yield from self._held[number - len(self._written)].rows()
            number += 1

    def __len__(self) -> int:
        """Number of all elements, those that are still to come included."""
        self.complete()
        return self._length

    def complete(self) -> None:
        """Take all that is still to come."""
        while self._take():
            pass

    def _take(self) -> bool:
        """Take the next batch, if there is one."""
        if self._size >= self._memory:
            self._spill.write(self._held)
            self._written += self._spill.runs[-1]
            self._held, self._size = [], 0
        batch = next(self._coming, None)
        if batch is None:
            return False
        self._held.append(batch)
        self._size += bytes_of(batch)
        self._length += len(batch)
        return True
