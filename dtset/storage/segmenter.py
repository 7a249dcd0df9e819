"""Where chunks and segments begin and end: decided by the elements, not by how they came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import numpy as np

from dtset.storage.batch import Batch, Encoder, Rows, typed
from dtset.storage.columns import Columns, concatenate, widen
from dtset.storage.kinds import Array
from dtset.storage.schema import PICKLED, Schema, fits, join

SAMPLE_ROWS = 256
TARGET_BYTES = 2 << 20
LIMIT_BYTES = 8 << 20
MAX_ROWS = 1 << 17
_PIECE_ROWS = 8192


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Consecutive elements that are stored together, under the schema of their segment.

    It opens or closes its segment if it is the first, or known to be the last, of it; `batch` is the number of rows
    in each but the last.
    """

    columns: Columns
    batch: int
    opens: bool
    closes: bool


@dataclass(frozen=True, slots=True)
class _Weighed:
    """Columns with the weight of each row, and whether their schema is that of just these rows."""

    columns: Columns
    weights: Array
    exact: bool

    def end(self, start: int, rows: int, weight: int) -> int:
        """Return where from a row on so many rows end, or those that reach a weight."""
        weights = self.weights[start : start + rows]
        if int(weights.sum()) < weight:
            return start + len(weights)
        return start + int(np.searchsorted(np.cumsum(weights), weight)) + 1

    def cut(self, start: int, end: int) -> _Weighed:
        if end - start == len(self.columns):
            return self
        return _Weighed(self.columns[start:end], self.weights[start:end], exact=False)


class Segmenter:
    """Groups a sequence of elements, however it is cut into batches, always in the same way.

    The first rows of a segment tell how many rows make a group of `TARGET_BYTES`. A group that
    reaches `LIMIT_BYTES` before it has its rows closes the segment, so that no more than that is
    ever held. A group whose elements do not fit the segment's schema opens a segment: one of the
    wider schema where both have one, else one of its own, after which the rows are counted anew.
    Rows are encoded once; columns are cut and joined as they are.

    The weight of an element depends on it alone, and the schema of a batch is the join of those of its elements.

    Examples
    --------
    >>> segmenter = Segmenter(Encoder())
    >>> groups = [*segmenter.feed(Rows([1, 2])), *segmenter.feed(Rows([None])), *segmenter.finish()]
    >>> [(group.columns.schema.kind, len(group.columns)) for group in groups]
    [('int64', 3)]
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._sample: list[_Weighed] = []
        self._sample_rows = 0
        self._sample_weight = 0
        self._batch = 0
        self._schema: Schema | None = None
        self._pieces: list[Columns] = []
        self._rows = 0
        self._weight = 0

    def feed(self, batch: Batch) -> Iterator[RowGroup]:
        """Add elements, and give the groups that are complete."""
        batch = typed(batch)
        if isinstance(batch, Rows):
            start = 0
            while start < len(batch):
                end = start + min(self._room(), _PIECE_ROWS)
                columns, weights = self._encoder.weigh(batch[start:end])
                yield from self._feed([_Weighed(columns, weights, exact=True)])
                start = end
        elif len(batch):
            columns, weights = self._encoder.weigh(batch)
            yield from self._feed([_Weighed(columns, weights, exact=False)])

    def finish(self) -> Iterator[RowGroup]:
        """Give the last groups, also of a sequence that ended while its rows were being weighed."""
        while self._sample:
            yield from self._feed(self._begin())
        if self._rows:
            yield self._group()

    def _room(self) -> int:
        """Return how many rows the group, or else the sample, may take before it is full."""
        return self._batch - self._rows if self._batch else SAMPLE_ROWS - self._sample_rows

    def _feed(self, batches: list[_Weighed]) -> Iterator[RowGroup]:
        waiting = [(batch, 0) for batch in reversed(batches)]
        while waiting:
            batch, start = waiting.pop()
            if start == len(batch.weights):
                continue
            weight = self._weight if self._batch else self._sample_weight
            end = batch.end(start, self._room(), LIMIT_BYTES - weight)
            waiting.append((batch, end))
            taken = batch.cut(start, end)
            if self._batch:
                self._gather(taken)
                if self._rows == self._batch or self._weight >= LIMIT_BYTES:
                    yield self._group()
            else:
                self._sample.append(taken)
                self._sample_rows += end - start
                self._sample_weight += int(taken.weights.sum())
                if self._sample_rows >= SAMPLE_ROWS or self._sample_weight >= LIMIT_BYTES:
                    waiting += [(each, 0) for each in reversed(self._begin())]

    def _begin(self) -> list[_Weighed]:
        """Fix the rows of a group from the sample, and return the sample, to be grouped first."""
        sample, weight = self._sample, max(self._sample_weight, 1)
        rows = max(1, TARGET_BYTES * self._sample_rows // weight)
        self._batch = min(MAX_ROWS, 1 << (rows.bit_length() - 1))
        self._sample, self._sample_rows, self._sample_weight = [], 0, 0
        return sample

    def _gather(self, taken: _Weighed) -> None:
        """Add rows to the group, under the schema that they have by themselves."""
        columns = taken.columns
        self._pieces.append(columns if taken.exact else self._encoder.encode(columns))
        self._rows += len(columns)
        self._weight += int(taken.weights.sum())
        # Many small batches are joined as they come, as in a binary counter.
        while len(self._pieces) > 1 and _joinable(*self._pieces[-2:]):
            self._pieces[-2:] = [concatenate(self._pieces[-2:])]

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
            return concatenate([self._encoder.pickle(piece) for piece in self._pieces])
        return concatenate([widen(piece, schema) for piece in self._pieces])


def _joinable(one: Columns, other: Columns) -> bool:
    return len(other) >= len(one) and one.schema == other.schema
