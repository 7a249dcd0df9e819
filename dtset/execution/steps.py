"""Running the steps of a stage: each turns a stream of batches into another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dtset.execution.kernels.batching import Batches
from dtset.execution.kernels.elementwise import expanded, expanded_into, filtered, mapped
from dtset.execution.kernels.failure import Place
from dtset.execution.kernels.pairs import paired
from dtset.execution.kernels.partitionwise import streamed, valued
from dtset.execution.kernels.push import pushed
from dtset.execution.stage import Scope, Step
from dtset.plan.context import TSetContext
from dtset.plan.user_function import Form

__all__ = ["place_of", "through"]


def place_of(step: Step, scope: Scope) -> Place:
    """Where a step runs, for notes on errors."""
    return Place(step.operator, step.label, scope.partition)


def through(batches: Batches, steps: Sequence[Step], scope: Scope) -> Batches:
    """Send batches through the steps, one after the other."""
    for step in steps:
        batches = _through(batches, step, scope)
    return batches


def _through(batches: Batches, step: Step, scope: Scope) -> Batches:
    """Send batches through one step."""
    function = scope.function(step)
    place = place_of(step, scope)
    limit = scope.settings.batch_size
    if step.operator == "compute":
        ctx = scope.context(step)
        if step.takes_value:
            return _of_value(batches, function, step, ctx, place, limit)
        return _computed(batches, function, step, ctx, place, limit)
    optional_ctx = scope.context(step) if step.takes_ctx else None
    if step.operator == "map":
        return mapped(batches, function, optional_ctx, place)
    if step.operator == "map_to_tuple":
        return paired(mapped(batches, function, optional_ctx, place), place)
    if step.operator == "filter":
        return filtered(batches, function, optional_ctx, place)
    if step.form is Form.ELEMENT_COLLECTOR:
        return expanded_into(batches, function, place, limit)
    return expanded(batches, function, place, limit)


def _computed(
    batches: Batches,
    function: Callable[..., Any],
    step: Step,
    ctx: TSetContext,
    place: Place,
    limit: int,
) -> Batches:
    """Send batches through a compute."""
    if step.form is Form.COLLECTOR:
        return pushed(batches, function, ctx, place, limit)
    if step.form is Form.STREAM:
        return streamed(batches, function, ctx, place, limit)
    return valued(batches, function, ctx, place, limit)


def _of_value(
    batches: Batches,
    function: Callable[..., Any],
    step: Step,
    ctx: TSetContext,
    place: Place,
    limit: int,
) -> Batches:
    """Send the value of a reduce through a compute, which receives the value itself."""

    def with_value(elements: Iterator[Any], *rest: Any) -> Any:
        return function(next(elements), *rest)

    for batch in batches:
        for value in batch:
            yield from _computed(iter([[value]]), with_value, step, ctx, place, limit)
