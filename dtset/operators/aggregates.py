"""Aggregates of all elements: of each partition by itself, then of what these gave, in a tree."""

from __future__ import annotations

import copy
import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial, reduce
from itertools import chain
from math import inf, nan, sqrt
from typing import Any

from dtset.operators.call import FUNCTION, Call
from dtset.operators.kernels.batching import Batches
from dtset.operators.partitionwise import elements_of
from dtset.operators.reductions import PAIR, aggregating, tree
from dtset.plan.user_function import Accepted, Form, UserFunction
from dtset.storage.batch import Batch
from dtset.storage.kinds import Array
from dtset.storage.schema import Schema

ZERO = "zero"
_INT64 = Schema("int64")


@dataclass(frozen=True)
class Stats:
    """Count, mean, standard deviation and bounds of numbers: PySpark's ``StatCounter``.

    Examples
    --------
    >>> found = Stats(4, 10, 5.0, 1, 4)
    >>> found.mean(), found.variance(), found.min()
    (2.5, 1.25, 1)
    """

    _count: int = 0
    _sum: Any = 0
    _squares: float = 0.0
    _min: Any = inf
    _max: Any = -inf

    def __repr__(self) -> str:
        return f"(count: {self._count}, mean: {self.mean()}, stdev: {self.stdev()}, max: {self._max}, min: {self._min})"

    def count(self) -> int:
        """Return how many there are."""
        return self._count

    def sum(self) -> Any:
        """Return their sum."""
        return self._sum

    def min(self) -> Any:
        """Return the least; inf if there is none."""
        return self._min

    def max(self) -> Any:
        """Return the greatest; -inf if there is none."""
        return self._max

    def mean(self) -> float:
        """Return their mean, of ints as exact as a float is; 0.0 if there is none."""
        return self._sum / self._count if self._count else 0.0

    def variance(self) -> float:
        """Return the variance of the population; NaN if there is none."""
        return self._squares / self._count if self._count else nan

    def stdev(self) -> float:
        """Return the standard deviation of the population; NaN if there is none."""
        return sqrt(self.variance())


def zero_of(value: object) -> UserFunction:
    """Return what gives a fresh copy of a user's value: it is fingerprinted and travels as a function does."""
    return UserFunction(partial(copy.deepcopy, value), Form.ITERABLE, False, "")


def _by(
    aggregate: Callable[[Iterator[Any]], list[Any]], batches: Iterable[Batch], call: Call
) -> list[Any]:
    """Aggregate elements one by one."""
    with call.place.noting():
        return aggregate(elements_of(batches, call.place))


def _sum(batches: Iterable[Batch], call: Call) -> list[Any]:
    """Add up as Python's ``sum``: ints that are columns already without an object for each."""
    total: Any = 0
    batches = iter(batches)
    for batch in batches:
        columns = batch.columns()
        if columns is None or columns.schema != _INT64:
            rest = chain([batch], batches)
            return _by(partial(_added, total), rest, call)
        total += _exact_sum(columns.arrays[0])
        call.place.before += len(batch)
    return [total]


def _added(total: Any, elements: Iterator[Any]) -> list[Any]:
    return [sum(elements, total)]


def _exact_sum(values: Array) -> int:
    """Sum of up to four billion ints of 64 bits, by halves: none of them overflows."""
    return (int((values >> 32).sum()) << 32) + int((values & 0xFFFFFFFF).sum())


def _counted_sum(batches: Iterable[Batch], call: Call) -> list[Any]:
    """How many elements there are, and their sum."""
    lengths: list[int] = []

    def counted() -> Batches:
        for batch in batches:
            lengths.append(len(batch))
            yield batch

    (total,) = _sum(counted(), call)
    return [(sum(lengths), total)]


def _merged_counts(batches: Iterable[Batch], call: Call) -> list[Any]:
    return _by(lambda made: [tuple(map(sum, zip(*made, strict=True)))], batches, call)


def _moments(elements: Iterator[Any]) -> list[Any]:
    """Count, mean, sum of squares about it, sum and bounds, by Welford's method."""
    count, mean, squares = 0, 0.0, 0.0
    total: Any = 0
    for element in elements:
        if not count:
            least = greatest = element
        elif element < least:
            least = element
        elif element > greatest:
            greatest = element
        count += 1
        total += element
        away = element - mean
        mean += away / count
        squares += away * (element - mean)
    return [(count, mean, squares, total, least, greatest)] if count else []


def _merged_moments(made: Iterator[Any]) -> list[Any]:
    return [reduce(_merged_two, one) for one in [list(made)] if one]


def _merged_two(one: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[Any, ...]:
    """Put two together by Chan's method, which loses nothing where means are large."""
    count, away = one[0] + other[0], other[1] - one[1]
    mean = one[1] + away * (other[0] / count)
    squares = one[2] + other[2] + away * away * (one[0] * other[0] / count)
    return count, mean, squares, one[3] + other[3], min(one[4], other[4]), max(one[5], other[5])


def stats_of(moments: tuple[Any, ...] | None) -> Stats:
    """Return what a tree of moments has given."""
    if moments is None:
        return Stats()
    count, _, squares, total, least, greatest = moments
    return Stats(count, total, squares, least, greatest)


def _first_of_order(choose: Callable[..., list[Any]], batches: Iterable[Batch], call: Call) -> Any:
    """Keep the first elements of an order; among equal ones those that come first."""
    n, key = call.spec.params["n"], call.functions.get(FUNCTION)
    return _by(lambda elements: choose(n, elements, key=key), batches, call)


def _extreme(choose: Callable[..., Any], batches: Iterable[Batch], call: Call) -> list[Any]:
    """Keep the least element, or the greatest; among equal ones the first."""
    chosen = partial(choose, key=call.functions.get(FUNCTION))
    return _by(
        lambda elements: [chosen(chain([each], elements)) for each in elements], batches, call
    )


def _folded(batches: Iterable[Batch], call: Call) -> list[Any]:
    zero, f = call.function(ZERO)(), call.function()
    return _by(lambda elements: [reduce(f, elements, zero)], batches, call)


VALUE = Accepted("a value", {})
_KEY = {FUNCTION: Accepted("key=f(x)", {1: (Form.ELEMENT, False)}, (Form.ELEMENT, False))}

SUM = tree("sum", _sum)
MIN = tree("min", partial(_extreme, min), _KEY, of_nothing="min() of a TSet without elements")
MAX = tree("max", partial(_extreme, max), _KEY, of_nothing="max() of a TSet without elements")
TOP = tree("top", partial(_first_of_order, heapq.nlargest), _KEY)
TAKE_ORDERED = tree("take_ordered", partial(_first_of_order, heapq.nsmallest), _KEY)
COUNT_AND_SUM = aggregating("parts of mean", _counted_sum)
MERGE_COUNTS = tree("mean", _merged_counts)
MOMENTS = aggregating("parts of stats", partial(_by, _moments))
MERGE_MOMENTS = tree("stats", partial(_by, _merged_moments))
FOLD = aggregating("fold", _folded, {FUNCTION: PAIR, ZERO: VALUE})
