"""Operators that call a function once a partition: compute in its pull forms, and sink."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from dtset.execution.kernels.batching import Batches
from dtset.execution.kernels.failure import Place, close_all
from dtset.execution.kernels.sources import streaming
from dtset.plan.context import TSetContext

__all__ = ["computed", "consumed", "elements_of"]


def elements_of(batches: Batches, place: Place) -> Iterator[Any]:
    """All elements of a partition as one iterator; `place` knows how far it was read."""
    return chain.from_iterable(map(place.enter, batches))


def computed(
    batches: Batches, function: Callable[..., Any], ctx: TSetContext, place: Place, limit: int
) -> Batches:
    """Give the one value that ``f(itr, ctx)`` returns; an iterator that it returns is streamed."""
    try:
        with place.noting():
            value = function(elements_of(batches, place), ctx)
    except BaseException as error:
        close_all([batches.close], error)
        raise
    elements = value if isinstance(value, Iterator) else [value]
    yield from streaming(elements, place, limit, batches.close)


def consumed(
    batches: Batches, function: Callable[..., Any], ctx: TSetContext | None, place: Place
) -> None:
    """Call ``f(itr)`` for its effect."""
    elements = elements_of(batches, place)
    with place.noting():
        if ctx is None:
            function(elements)
        else:
            function(elements, ctx)
