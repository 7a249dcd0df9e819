"""The actions that workers carry out: counting, and calling a function on every element for its effect."""

from __future__ import annotations

from dtset.operators.call import FUNCTION, Call
from dtset.operators.elementwise import ELEMENT, visited
from dtset.operators.kernels.batching import Batches
from dtset.operators.operator import Action


def _count(batches: Batches, call: Call) -> int:
    return sum(map(len, batches))


def _for_each(batches: Batches, call: Call) -> None:
    visited(batches, call.function(), call.passed_ctx(), call.place)


COUNT = Action("count", _count)
FOR_EACH = Action("for_each", _for_each, {FUNCTION: ELEMENT})
