"""Where chunks and segments begin and end: decided by the elements, not by how they came."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from dtset.storage.columns import Columns, concatenate, widen
from dtset.storage.kinds import Array
from dtset.storage.schema import PICKLED, Schema, fits, join

__all__ = ["RowGroup", "Segmenter"]

SAMPLE_ROWS = 256
TARGET_BYTES = 2 << 20
LIMIT_BYTES = 8 << 20
MAX_ROWS = 1 << 17
_PIECE_ROWS = 8192


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Consecutive elements that are stored together, under the schema of their segment.

    Parameters
    ----------
    columns : Columns
        The elements.
    batch : int
        Rows in each group of the segment but its last.
    opens, closes : bool
        Whether it is the first, or known to be the last, of its segment.
    """

    columns: Columns
    batch: int
    opens: bool
    closes: bool


class Segmenter:
    """Groups a sequence of elements, however it is cut into batches, always in the same way.

    The first rows of a segment tell how many rows make a group of `TARGET_BYTES`. A group that
    reaches `LIMIT_BYTES` before it has its rows closes the segment, so that no more than that is
    ever held. A group whose elements do not fit the segment's schema opens a segment: one of the
    wider schema where both have one, else one of its own, after which the rows are counted anew.

    Parameters
    ----------
    encode : callable
        Elements to columns and weights: the weight of an element depends on it alone, and the
        schema of a batch is the join of those of its elements.
    pickle : callable
        Typed columns to pickled ones.

    Examples
    --------
    >>> from dtset.storage.batches import pickle_columns, weighed_batch
    >>> segmenter = Segmenter(
    ...     lambda batch: weighed_batch(batch, True, set()), lambda c: pickle_columns(c, True)
    ... )
    >>> groups = [*segmenter.feed([1, 2]), *segmenter.feed([None]), *segmenter.finish()]
    >>> [(group.columns.schema.kind, group.columns.rows) for group in groups]
    [('int64', 3)]
    """

    def __init__(
        self,
        encode: Callable[[Sequence[object]], tuple[Columns, Array]],
        pickle: Callable[[Columns], Columns],
    ) -> None:
        self._encode = encode
        self._pickle = pickle
        self._sample: list[object] = []
        self._sample_weight = 0
        self._batch = 0
        self._schema: Schema | None = None
        self._pieces: list[Columns] = []
        self._rows = 0
        self._weight = 0

    def feed(self, batch: Sequence[object]) -> Iterator[RowGroup]:
        """Add elements, and give the groups that are complete."""
        waiting = [(batch, 0)]
        while waiting:
            elements, start = waiting.pop()
            if start >= len(elements):
                continue
            if not self._batch:
                end = self._probe(elements, start)
                waiting.append((elements, end))
                if self._sampled():
                    waiting.append((self._begin(), 0))
            else:
                end = self._gather(elements, start)
                waiting.append((elements, end))
                if self._rows == self._batch or self._weight >= LIMIT_BYTES:
                    yield self._group()

    def finish(self) -> Iterator[RowGroup]:
        """Give the last groups."""
        if self._sample:
            yield from self.feed_sample()
        if self._rows:
            yield self._group()

    def feed_sample(self) -> Iterator[RowGroup]:
        """Group what is left of a sequence that ended while its rows were being weighed."""
        while self._sample:
            yield from self.feed(self._begin())

    def _sampled(self) -> bool:
        return len(self._sample) >= SAMPLE_ROWS or self._sample_weight >= LIMIT_BYTES

    def _probe(self, elements: Sequence[object], start: int) -> int:
        """Take elements into the sample, up to its end; return where the rest starts."""
        end = min(len(elements), start + SAMPLE_ROWS - len(self._sample))
        taken = elements[start:end]
        _, weights = self._encode(taken)
        rows = _rows_within(weights, LIMIT_BYTES - self._sample_weight)
        self._sample.extend(taken[:rows])
        self._sample_weight += int(weights[:rows].sum())
        return start + rows

    def _begin(self) -> list[object]:
        """Fix the rows of a group from the sample, and return the sample, to be grouped first."""
        sample, weight = self._sample, max(self._sample_weight, 1)
        rows = max(1, TARGET_BYTES * len(sample) // weight)
        self._batch = min(MAX_ROWS, 1 << (rows.bit_length() - 1))
        self._sample, self._sample_weight = [], 0
        return sample

    def _gather(self, elements: Sequence[object], start: int) -> int:
        """Take elements into the group, up to its end; return where the rest starts."""
        end = min(len(elements), start + min(self._batch - self._rows, _PIECE_ROWS))
        taken = elements[start:end]
        columns, weights = self._encode(taken)
        rows = _rows_within(weights, LIMIT_BYTES - self._weight)
        if rows < len(taken):
            columns, weights = self._encode(taken[:rows])
        self._pieces.append(columns)
        self._rows += rows
        self._weight += int(weights.sum())
        # Many small batches are joined as they come, as in a binary counter.
        while len(self._pieces) > 1 and _joinable(*self._pieces[-2:]):
            self._pieces[-2:] = [concatenate(self._pieces[-2:])]
        return start + rows

    def _group(self) -> RowGroup:
        schema = reduce(join, (piece.schema for piece in self._pieces))
        opens = self._schema is None or not fits(schema, self._schema)
        closes = self._rows < self._batch
        if self._schema is not None:
            wide = join(self._schema, schema)
            if not opens:
                schema = self._schema
            elif wide != PICKLED:
                schema = wide
            else:
                closes = True
        group = RowGroup(self._under(schema), self._batch, opens, closes)
        self._pieces, self._rows, self._weight = [], 0, 0
        self._schema = schema
        if closes:
            self._schema, self._batch = None, 0
        return group

    def _under(self, schema: Schema) -> Columns:
        if schema == PICKLED:
            return concatenate([self._pickle(piece) for piece in self._pieces])
        return concatenate([widen(piece, schema) for piece in self._pieces])


def _rows_within(weights: Array, limit: int) -> int:
    """Return how many rows it takes to reach a limit; all, if they do not reach it."""
    if int(weights.sum()) < limit:
        return len(weights)
    return int(np.searchsorted(np.cumsum(weights), limit)) + 1


def _joinable(one: Columns, other: Columns) -> bool:
    return other.rows >= one.rows and one.schema == other.schema
