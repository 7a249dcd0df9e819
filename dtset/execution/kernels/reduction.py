"""Reductions: of a partition, of partials into one value, and by key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any

from dtset.execution.kernels.batching import Batches
from dtset.execution.kernels.failure import Place

__all__ = ["combined", "merged", "partial_reduction", "reduced"]

_NAN = float("nan")


def partial_reduction(
    batches: Batches, function: Callable[[Any, Any], Any], place: Place
) -> list[Any]:
    """Reduce a partition: a list of its one value, or an empty list."""
    partial: list[Any] = []
    for batch in batches:
        elements = place.enter(batch)
        with place.noting():
            for first in () if partial else elements:
                partial.append(first)
                break
            if partial:
                partial[0] = reduce(function, elements, partial[0])
    return partial


def reduced(
    partials: Sequence[list[Any]], function: Callable[[Any, Any], Any], place: Place, arity: int
) -> list[Any]:
    """Reduce partials, in the order of their partitions, as a tree whose shape depends on nothing else."""
    level = [value for partial in partials for value in partial]
    while len(level) > 1:
        with place.noting():
            level = [
                reduce(function, level[start : start + arity])
                for start in range(0, len(level), arity)
            ]
    return level


def combined(batches: Batches, function: Callable[[Any, Any], Any], place: Place) -> dict[Any, Any]:
    """Reduce the pairs of a partition by key."""
    values: dict[Any, Any] = {}
    for batch in batches:
        with place.noting():
            _combine(values, place.enter(batch), function)
    return values


def merged(
    pieces: Iterable[Sequence[tuple[Any, Any]]], function: Callable[[Any, Any], Any], place: Place
) -> dict[Any, Any]:
    """Reduce by key what the map side sent, in the order given."""
    values: dict[Any, Any] = {}
    for piece in pieces:
        with place.noting():
            _combine(values, place.enter(list(piece)), function)
    return values


def _combine(
    values: dict[Any, Any], pairs: Iterable[Any], function: Callable[[Any, Any], Any]
) -> None:
    """Reduce pairs into `values`."""
    for pair in pairs:
        try:
            key, value = pair
        except (TypeError, ValueError):
            raise TypeError(
                f"keyed_reduce takes (key, value) pairs, and was given {type(pair).__qualname__} {pair!r:.80}"
            ) from None
        if key in values:
            values[key] = function(values[key], value)
        elif key == key:
            values[key] = value
        else:
            _combine_nan(values, value, function)


def _combine_nan(values: dict[Any, Any], value: Any, function: Callable[[Any, Any], Any]) -> None:
    """Reduce a value whose key is not equal to itself: all NaNs are one key."""
    values[_NAN] = function(values[_NAN], value) if _NAN in values else value
