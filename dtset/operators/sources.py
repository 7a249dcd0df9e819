"""The sources that need nothing but Python: a user's function or source object, a range, and data that others read."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dtset.operators.call import FUNCTION, Call
from dtset.operators.kernels.batching import Batches
from dtset.operators.kernels.streaming import Pulled, streaming
from dtset.operators.operator import Reader
from dtset.plan.user_function import Accepted, Form
from dtset.storage.columns import Columns
from dtset.storage.schema import Schema


def share(length: int, index: int, parallelism: int) -> tuple[int, int]:
    """Bounds of a partition of a sequence: contiguous, of lengths that differ by one at the most.

    Examples
    --------
    >>> [share(10, index, 4) for index in range(4)]
    [(0, 2), (2, 5), (5, 7), (7, 10)]
    """
    return length * index // parallelism, length * (index + 1) // parallelism


@dataclass(frozen=True)
class RangeSource:
    """The integers of a range, cut into contiguous partitions."""

    start: int
    stop: int
    step: int

    def identity(self) -> object:
        """Return what the elements depend on: the bounds."""
        return range(self.start, self.stop, self.step)

    def reads(self, partitions: int) -> Sequence[tuple[object, tuple[()]]]:
        """Return what each partition's elements depend on: the elements."""
        return [(self.share(number, partitions), ()) for number in range(partitions)]

    def share(self, number: int, partitions: int) -> range:
        """Return the integers of one partition."""
        # Not len(): a range may have more elements than a machine word counts.
        length = max(0, (self.stop - self.start + self.step - (self.step > 0 or -1)) // self.step)
        first, last = share(length, number, partitions)
        begin = self.start + first * self.step
        return range(begin, begin + (last - first) * self.step, self.step)


def _call_function(call: Call) -> Batches:
    """Give what a user's function or source object gives: a fresh copy of it for every partition."""
    with call.place.noting():
        function = copy.deepcopy(call.function())
        found: Iterable[Any]
        if call.form() is Form.OBJECT:
            found = Pulled(function, call.ctx)
        else:
            ctx = call.passed_ctx()
            found = function() if ctx is None else function(ctx)
    return streaming(found, call.place, call.limit)


def _read_elements(call: Call) -> Batches:
    """Give the elements of the data."""
    data: Any = call.data
    with call.place.noting():
        elements = data.elements(call.ctx)
    return streaming(elements, call.place, call.limit)


def _read_batches(call: Call) -> Batches:
    """Give the batches of the data."""
    data: Any = call.data
    with call.place.noting():
        yield from data.batches(call.ctx, call.limit)


def _read_range(call: Call) -> Batches:
    """Give the integers of a partition of a range: as columns where they fit 64 bits."""
    data: Any = call.data
    numbers = data.share(call.place.partition, call.spec.parallelism)
    if not -(2**63) <= min(data.start, data.stop) <= max(data.start, data.stop) < 2**63:
        yield from streaming(iter(numbers), call.place, call.limit)
        return
    start, size = 0, min(call.limit, 64)
    while part := numbers[start : start + size]:
        values = np.arange(part.start, part.stop, part.step, dtype=np.int64)
        yield Columns(_INT64, len(part), (values,))
        start, size = start + size, call.limit


_INT64 = Schema("int64")
_SOURCE = {
    FUNCTION: Accepted(
        "an object with has_next() and next(), or f() or f(ctx) returning an iterable",
        {0: (Form.ITERABLE, False), 1: (Form.ITERABLE, True)},
        (Form.ITERABLE, False),
        takes_objects=Form.OBJECT,
    )
}
CREATE_SOURCE = Reader("create_source", _call_function, _SOURCE)
CREATE_KEYED_SOURCE = Reader("create_keyed_source", _call_function, _SOURCE)
PARALLELIZE = Reader("parallelize", _read_elements)
RANGE = Reader("range", _read_range)
FROM_NUMPY = Reader("from_numpy", _read_elements)
FROM_BAG = Reader("from_bag", _read_elements)
FROM_DELAYED = Reader("from_delayed", _read_elements)
FROM_DATAFRAME = Reader("from_dataframe", _read_elements)
READ_ZARR = Reader("read_zarr", _read_batches)
READ_TEXT = Reader("read_text", _read_elements)
READ_FILES = Reader("read_files", _read_elements)
READ_CSV = Reader("read_csv", _read_batches)
READ_PARQUET = Reader("read_parquet", _read_batches)
