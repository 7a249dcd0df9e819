"""Reductions: of a partition, of partials into one value, and by key."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import reduce
from typing import Any

from dtset.execution.exchange.stable_hash import NEVER_NAN, nan_token
from dtset.execution.kernels.batching import Batches
from dtset.execution.kernels.failure import Place
from dtset.execution.kernels.pairs import are_pairs, pair_of

__all__ = ["combined", "merged", "partial_reduction", "reduced"]


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
    return _by_key(batches, function, place)


def merged(
    pieces: Iterable[Sequence[tuple[Any, Any]]], function: Callable[[Any, Any], Any], place: Place
) -> dict[Any, Any]:
    """Reduce by key what the map side sent, in the order given."""
    return _by_key(map(list, pieces), function, place)


def _by_key(
    batches: Iterable[list[Any]], function: Callable[[Any, Any], Any], place: Place
) -> dict[Any, Any]:
    """Reduce pairs by key; of equal keys, the first stands for all."""
    values: dict[Any, Any] = {}
    with_nan: dict[Hashable, Any] = {}
    for batch in batches:
        elements = place.enter(batch)
        with place.noting():
            for key, value in elements if are_pairs(batch) else map(pair_of, elements):
                if key in values:
                    values[key] = function(values[key], value)
                elif type(key) in NEVER_NAN or (token := nan_token(key)) is None:
                    values[key] = value
                else:
                    first = with_nan.setdefault(token, key)
                    values[first] = function(values[first], value) if first in values else value
    return values
