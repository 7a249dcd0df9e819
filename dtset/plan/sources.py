"""Sources that need nothing but Python: a user's function, a range."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dtset.plan.context import TSetContext
from dtset.plan.user_function import Form, UserFunction

__all__ = ["FunctionSource", "RangeSource", "share"]


def share(length: int, index: int, parallelism: int) -> tuple[int, int]:
    """Bounds of a partition of a sequence: contiguous, of lengths that differ by one at the most.

    Examples
    --------
    >>> [share(10, index, 4) for index in range(4)]
    [(0, 2), (2, 5), (5, 7), (7, 10)]
    """
    return length * index // parallelism, length * (index + 1) // parallelism


@dataclass(frozen=True, eq=False)
class FunctionSource:
    """Elements from a user's function or source object, a fresh copy of it for every partition."""

    function: UserFunction

    def identity(self) -> object:
        """Return what the elements depend on: the function."""
        return self.function

    def elements(self, ctx: TSetContext) -> Iterator[Any]:
        """Return the elements of one partition."""
        function = copy.deepcopy(self.function.function)
        if self.function.form is Form.OBJECT:
            return _pulled(function, ctx)
        return iter(function(ctx) if self.function.takes_ctx else function())


def _pulled(source: Any, ctx: TSetContext) -> Iterator[Any]:
    """Elements of a source object, which is closed also when the consumer stops early."""
    prepare, close = getattr(source, "prepare", None), getattr(source, "close", None)
    if prepare is not None:
        prepare(ctx)
    try:
        has_next, following = source.has_next, source.next
        while has_next():
            yield following()
    finally:
        if close is not None:
            close()


@dataclass(frozen=True)
class RangeSource:
    """The integers of a range, cut into contiguous partitions."""

    start: int
    stop: int
    step: int

    def identity(self) -> object:
        """Return what the elements depend on: the bounds."""
        return range(self.start, self.stop, self.step)

    def elements(self, ctx: TSetContext) -> Iterator[int]:
        """Return the integers of one partition."""
        # Not len(): a range may have more elements than a machine word counts.
        length = max(0, (self.stop - self.start + self.step - (self.step > 0 or -1)) // self.step)
        first, last = share(length, ctx.index, ctx.parallelism)
        begin = self.start + first * self.step
        return iter(range(begin, begin + (last - first) * self.step, self.step))
