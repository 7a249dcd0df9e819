"""Operators that call a function once a partition: compute in its pull forms, sink, sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from dtset.execution.kernels.batching import Batches, batched
from dtset.execution.kernels.failure import Place
from dtset.plan.context import TSetContext

__all__ = ["consumed", "elements_of", "streamed", "valued"]


def elements_of(batches: Batches, place: Place) -> Iterator[Any]:
    """All elements of a partition as one iterator; `place` knows how far it was read."""
    return chain.from_iterable(map(place.enter, batches))


def streamed(
    batches: Batches,
    function: Callable[..., Iterator[Any]],
    ctx: TSetContext,
    place: Place,
    limit: int,
) -> Batches:
    """Give what the generator function ``f(itr, ctx)`` yields."""
    with place.noting():
        stream = function(elements_of(batches, place), ctx)
    yield from _noted(stream, place, limit)


def valued(
    batches: Batches, function: Callable[..., Any], ctx: TSetContext, place: Place, limit: int
) -> Batches:
    """Give the one value that ``f(itr, ctx)`` returns; an iterator it returns is streamed."""
    with place.noting():
        value = function(elements_of(batches, place), ctx)
    if isinstance(value, Iterator):
        yield from _noted(value, place, limit)
    else:
        yield [value]


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


def _noted(stream: Iterator[Any], place: Place, limit: int) -> Batches:
    """Batches of what a user's iterator gives; what it raises is noted."""
    batches = batched(stream, limit)
    while True:
        with place.noting():
            batch = next(batches, None)
        if batch is None:
            return
        yield batch
