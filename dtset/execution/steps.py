"""Running the steps of a stage: each turns a stream of batches into another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dtset.execution.kernels.batching import Batches
from dtset.execution.kernels.driver import Operator, driven
from dtset.execution.kernels.elementwise import expanded, expanded_into, filtered, mapped
from dtset.execution.kernels.failure import Place
from dtset.execution.kernels.lockstep import relayed
from dtset.execution.kernels.pairs import paired
from dtset.execution.kernels.partitionwise import computed
from dtset.execution.kernels.push import pushed
from dtset.execution.stage import Scope, Step
from dtset.plan.user_function import Form

__all__ = ["place_of", "through"]

# A function that pulls runs inside of its consumer's: some five frames deeper, and as much as it takes itself.
_PULLS_IN_A_STACK = 30


def place_of(step: Step, scope: Scope) -> Place:
    """Where a step runs, for notes on errors."""
    return Place(step.operator, step.label, scope.partition)


def through(batches: Batches, steps: Sequence[Step], scope: Scope) -> Batches:
    """Send batches through the steps, one after the other."""
    operators: list[Operator] = []
    pulls = 0
    for step in steps:
        if step.operator == "compute" and step.form is not Form.COLLECTOR:
            batches = computed(
                driven(batches, operators),
                _function(step, scope),
                scope.context(step),
                place_of(step, scope),
                scope.settings.batch_size,
            )
            operators, pulls = [], pulls + 1
            if pulls % _PULLS_IN_A_STACK == 0:
                batches = relayed(batches)
        else:
            operators.extend(_operators(step, scope))
    return driven(batches, operators)


def _function(step: Step, scope: Scope) -> Callable[..., Any]:
    """The function of a compute; one after a reduce receives the value itself."""
    function: Callable[..., Any] = scope.function(step)
    if not step.takes_value:
        return function

    def with_value(elements: Iterator[Any], *rest: Any) -> Any:
        return function(next(elements), *rest)

    return with_value


def _operators(step: Step, scope: Scope) -> list[Operator]:
    """What a step does to batches that are handed to it, one after the other."""
    place = place_of(step, scope)
    limit = scope.settings.batch_size
    if step.operator == "compute":
        return [pushed(_function(step, scope), scope.context(step), place, limit)]
    function = scope.function(step)
    ctx = scope.context(step) if step.takes_ctx else None
    if step.operator == "map":
        return [mapped(function, ctx, place)]
    if step.operator == "map_to_tuple":
        return [mapped(function, ctx, place), paired(place)]
    if step.operator == "filter":
        return [filtered(function, ctx, place)]
    if step.form is Form.ELEMENT_COLLECTOR:
        return [expanded_into(function, place, limit)]
    return [expanded(function, place, limit)]
