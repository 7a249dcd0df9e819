"""Sources that need nothing but Python: a user's function, a range."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from dtset.plan.context import TSetContext
from dtset.plan.user_function import Form, UserFunction

__all__ = ["FunctionSource", "Pulled", "RangeSource", "share"]


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

    def elements(self, ctx: TSetContext) -> Iterable[Any]:
        """Return the elements of one partition."""
        function = copy.deepcopy(self.function.function)
        if self.function.form is Form.OBJECT:
            return Pulled(function, ctx)
        found: Iterable[Any] = function(ctx) if self.function.takes_ctx else function()
        return found


class Pulled:
    """Elements of a source object, which is closed by whoever uses them, exhausted or not.

    Parameters
    ----------
    source : object
        With ``has_next()`` and ``next()``.
    ctx : TSetContext
        What its ``prepare`` is passed.

    Examples
    --------
    >>> from dtset.plan.context import TSetContext
    >>> class Once:
    ...     is_left = True
    ...     def has_next(self):
    ...         return self.is_left
    ...     def next(self):
    ...         self.is_left = False
    ...         return 5
    >>> list(Pulled(Once(), TSetContext(index=0, parallelism=1, id="x", name="x")))
    [5]
    """

    def __init__(self, source: Any, ctx: TSetContext) -> None:
        self._source = source
        self._ctx = ctx
        self._is_open = False

    def __iter__(self) -> Iterator[Any]:
        source = self._source
        if (prepare := getattr(source, "prepare", None)) is not None:
            prepare(self._ctx)
        self._is_open = True
        has_next, following = source.has_next, source.next
        while has_next():
            yield following()

    def close(self) -> None:
        """Close the source, once, if it was prepared."""
        was_open, self._is_open = self._is_open, False
        if was_open and (close := getattr(self._source, "close", None)) is not None:
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
