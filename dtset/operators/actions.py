"""The actions that workers carry out: counting, and calling a function on every element for its effect."""

from __future__ import annotations

from dtset.operators.call import FUNCTION, Call
from dtset.operators.elementwise import AWAITED, for_each
from dtset.operators.kernels.batching import Batches
from dtset.operators.operator import Action


def _count(batches: Batches, call: Call) -> int:
    return sum(map(len, batches))


COUNT = Action("count", _count)
FOR_EACH = Action("for_each", for_each, {FUNCTION: AWAITED})
