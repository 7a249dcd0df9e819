"""The values of a key, as the functions of the user's see them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

from dtset.operators.kernels.spill import Kept

T_co = TypeVar("T_co", covariant=True)


class Values(Iterator[T_co], Generic[T_co]):
    """The values of a key, to be gone through any number of times: what ``next()`` has taken is no more among them.

    Examples
    --------
    >>> values = Values([1, 2, 3])
    >>> len(values), sum(values), max(values)
    (3, 6, 3)
    >>> next(values), list(values), list(values)
    (1, [2, 3], [2, 3])
    """

    __slots__ = ("_all", "_pass", "_taken")

    def __init__(self, values: Sequence[T_co] | Kept = ()) -> None:
        self._all = values
        self._pass: Iterator[T_co] | None = None
        self._taken = 0

    def __iter__(self) -> Iterator[T_co]:
        return islice(self._all, self._taken, None)

    def __next__(self) -> T_co:
        if self._pass is None:
            self._pass = iter(self._all)
        value = next(self._pass)
        self._taken += 1
        return value

    def __len__(self) -> int:
        return len(self._all) - self._taken

    def __repr__(self) -> str:
        return "<values of a key>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Values, (list(self),)
