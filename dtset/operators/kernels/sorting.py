"""Sorting batches in bounded memory: what does not fit is sorted in runs, which are merged from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dtset.operators.kernels.spill import Spill, bytes_of
from dtset.storage.batch import Batch, joined
from dtset.storage.kinds import Array

# Of each run that is merged, a piece is in memory.
_MOST_RUNS = 32
_PIECE_ROWS, _LEAST_ROWS = 16384, 64
# What an element takes while a run is sorted, beside itself and the copy that is sorted: its rank, its place, and what
# these are made of.
_SORTING_BYTES = 48
OBJECTS = "objects"


@dataclass(frozen=True, slots=True)
class Ranked:
    """A batch with an array whose order is that of its elements.

    Ranks of one `kind` can be compared, and those of all that are taken `as_objects`.
    """

    batch: Batch
    kind: str
    ranks: Array
    as_objects: Callable[[Batch], Array]

    def __len__(self) -> int:
        return len(self.ranks)

    def __getitem__(self, rows: slice) -> Ranked:
        return replace(self, batch=self.batch[rows], ranks=self.ranks[rows])

    def take(self, rows: Array) -> Ranked:
        """Return the elements of some numbers, in their order."""
        return replace(self, batch=self.batch.take(rows), ranks=self.ranks[rows])

    def end_of(self, mark: Ranked, side: Any) -> int:
        """Return where the elements end that are before that of a mark or, on the ``right`` side, equal to it."""
        one, other = alike([self, mark])
        return int(np.searchsorted(one.ranks, other.ranks[-1:], side)[0])


def alike(pieces: Sequence[Ranked]) -> list[Ranked]:
    """Return batches with ranks that can be compared."""
    if len({piece.kind for piece in pieces}) == 1:
        return list(pieces)
    return [replace(piece, kind=OBJECTS, ranks=piece.as_objects(piece.batch)) for piece in pieces]


def put_together(pieces: Sequence[Ranked]) -> Ranked:
    """Return batches as one, one after the other."""
    if len(pieces) == 1:
        return pieces[0]
    pieces = alike(pieces)
    ranks: Array = np.concatenate([piece.ranks for piece in pieces])
    return replace(pieces[0], batch=joined([piece.batch for piece in pieces]), ranks=ranks)


def first_of_lasts(pieces: Sequence[Ranked]) -> tuple[int, Ranked]:
    """Return the number and the last element of the batch that ends first, of equal ones the first."""
    number, mark = 0, pieces[0][-1:]
    for other, piece in enumerate(pieces[1:], start=1):
        if not piece[-1:].end_of(mark, "left"):
            continue
        number, mark = other, piece[-1:]
    return number, mark


def in_order(
    batches: Iterable[Batch],
    rank: Callable[[Batch], Ranked],
    memory: int,
    directory: str | None,
) -> Iterator[Ranked]:
    """Give elements in the order of their ranks, those of one rank in the order in which they came.

    About `memory` bytes are held; the order does not depend on it.
    """
    spill = Spill(directory)
    held: list[Batch] = []
    size = 0

    def runs() -> list[Iterator[Ranked]]:
        return [map(rank, spill.read(run)) for run in spill.runs]

    try:
        for batch in batches:
            if not len(batch):
                continue
            held.append(batch)
            size += 2 * bytes_of(batch) + _SORTING_BYTES * len(batch)
            if size < memory:
                continue
            spill.write(piece.batch for piece in _sorted(held, rank, memory, size))
            held, size = [], 0
            if len(spill.runs) == _MOST_RUNS:
                # The order of the runs is that of equal elements: merged, they are the first again.
                spill.write(piece.batch for piece in _merged(runs()))
                del spill.runs[:-1]
        yield from _merged([*runs(), *([_sorted(held, rank, memory, size)] if held else [])])
    finally:
        spill.close()


def _sorted(
    held: list[Batch], rank: Callable[[Batch], Ranked], memory: int, size: int
) -> Iterator[Ranked]:
    """Sort batches in memory, and give them piece by piece."""
    whole = rank(joined(held))
    held.clear()
    order = np.argsort(whole.ranks, kind="stable")
    most = len(order) * memory // (2 * _MOST_RUNS * max(size, 1))
    rows = max(_LEAST_ROWS, min(most, _PIECE_ROWS))
    for start in range(0, len(order), rows):
        yield whole.take(order[start : start + rows])


def _merged(runs: Sequence[Iterator[Ranked]]) -> Iterator[Ranked]:
    """Merge runs; equal elements in the order of the runs."""
    heads = {number: head for number, run in enumerate(runs) if (head := next(run, None))}
    while len(heads) > 1:
        numbers, pieces = list(heads), list(heads.values())
        ending, mark = first_of_lasts(pieces)
        taken: list[Ranked] = []
        for at, (number, piece) in enumerate(zip(numbers, pieces, strict=True)):
            # What is equal to the mark may go on in the run that ends here, and comes before that of later runs.
            end = len(piece)
            if at != ending:
                end = piece.end_of(mark, "right" if at < ending else "left")
            if end:
                taken.append(piece[:end])
            if end < len(piece):
                heads[number] = piece[end:]
            elif following := next(runs[number], None):
                heads[number] = following
            else:
                del heads[number]
        merged = put_together(taken)
        yield merged.take(np.argsort(merged.ranks, kind="stable"))
    for number, head in heads.items():
        yield head
        yield from runs[number]
