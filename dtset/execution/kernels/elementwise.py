"""Operators that call a function once an element: map, filter, flat_map, for_each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import compress, repeat
from typing import Any

from dtset.execution.kernels.batching import Batches
from dtset.execution.kernels.collector import Collector
from dtset.execution.kernels.failure import Place
from dtset.plan.context import TSetContext

__all__ = ["expanded", "expanded_into", "filtered", "mapped", "visited"]


def _called(
    function: Callable[..., Any], batch: list[Any], ctx: TSetContext | None, place: Place
) -> list[Any]:
    """Call a function on every element of a batch."""
    elements = place.enter(batch)
    results: list[Any] = []
    with place.noting():
        # `extend` over `map` runs in C, and keeps what was computed before an exception.
        results.extend(
            map(function, elements) if ctx is None else map(function, elements, repeat(ctx))
        )
        if len(results) != len(batch):
            raise StopIteration
    return results


def mapped(
    batches: Batches, function: Callable[..., Any], ctx: TSetContext | None, place: Place
) -> Batches:
    """Give ``f(x)`` for every element."""
    for batch in batches:
        yield _called(function, batch, ctx, place)


def filtered(
    batches: Batches, function: Callable[..., Any], ctx: TSetContext | None, place: Place
) -> Batches:
    """Give the elements for which ``f(x)`` is true."""
    for batch in batches:
        kept = _called(function, batch, ctx, place)
        with place.noting():
            survivors = list(compress(batch, kept))
        yield survivors


def expanded(
    batches: Batches, function: Callable[[Any], Iterable[Any]], place: Place, limit: int
) -> Batches:
    """Give all elements of every ``f(x)``, in batches that stay near `limit`."""
    for batch in batches:
        elements = place.enter(batch)
        gathered: list[Any] = []
        with place.noting():
            for element in elements:
                gathered.extend(function(element))
                if len(gathered) >= limit:
                    yield gathered
                    gathered = []
        yield gathered


def expanded_into(
    batches: Batches, function: Callable[[Any, Any], Any], place: Place, limit: int
) -> Batches:
    """Give all elements that ``f(x, collector)`` collects."""
    gathered: list[Any] = []
    collector = Collector(gathered.append)
    for batch in batches:
        with place.noting():
            for element in place.enter(batch):
                function(element, collector)
                if len(gathered) >= limit:
                    yield gathered[:]
                    gathered.clear()
        yield gathered[:]
        gathered.clear()


def visited(
    batches: Batches, function: Callable[..., Any], ctx: TSetContext | None, place: Place
) -> int:
    """Call a function on every element for its effect; return how many there were."""
    return sum(len(_called(function, batch, ctx, place)) for batch in batches)
