"""The values of a key, as the functions of the user's see them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, Self, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Values(Iterator[T_co], Generic[T_co]):
    """An iterator over the values of a key, to be gone through once; pickled, it is what remains of it.

    Examples
    --------
    >>> values = Values([1, 2, 3])
    >>> next(values), list(values), list(values)
    (1, [2, 3], [])
    """

    __slots__ = ("__weakref__", "_rest")

    def __init__(self, values: Iterable[T_co] = ()) -> None:
        self._rest = iter(values)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T_co:
        return next(self._rest)

    def __repr__(self) -> str:
        return "<values of a key, to be gone through once>"

    def keep(self, kept: Callable[[Iterator[T_co]], Iterable[T_co]]) -> None:
        """Hold what remains, as where it comes from goes on."""
        self._rest = iter(kept(self._rest))

    def __reduce__(self) -> tuple[Any, ...]:
        rest = list(self._rest)
        self._rest = iter(rest)
        return Values, (rest,)
