"""Running the steps of a stage: each turns a stream of batches into another."""

from __future__ import annotations

from collections.abc import Sequence

from dtset.execution.stage import Scope
from dtset.operators.call import CallSpec
from dtset.operators.kernels.batching import Batches
from dtset.operators.kernels.driver import Handler, driven
from dtset.operators.kernels.lockstep import relayed
from dtset.operators.operator import Step

__all__ = ["through"]

# A function that pulls runs inside of its consumer's: some five frames deeper, and as much as it takes itself.
_PULLS_IN_A_STACK = 30


def through(batches: Batches, steps: Sequence[CallSpec[Step]], scope: Scope) -> Batches:
    """Send batches through the steps, one after the other."""
    handlers: list[Handler] = []
    pulls = 0
    for step in steps:
        made = step.operator.run(scope.call(step))
        if not callable(made):
            handlers.extend(made)
            continue
        batches = made(driven(batches, handlers))
        handlers, pulls = [], pulls + 1
        if pulls % _PULLS_IN_A_STACK == 0:
            batches = relayed(batches)
    return driven(batches, handlers)
