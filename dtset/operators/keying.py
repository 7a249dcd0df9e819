"""Keys by which elements are sorted or grouped: sort_by and group_by."""

from __future__ import annotations

from dtset.operators.call import FUNCTION, Call
from dtset.operators.elementwise import ELEMENT
from dtset.operators.kernels.driver import Handler
from dtset.operators.operator import Step
from dtset.storage.batch import Rows


def _by_key(call: Call) -> list[Handler]:
    return [_keyed(call)]


def _keyed(call: Call) -> Handler:
    """Give each element with its key before it."""
    function, ctx = call.function(), call.passed_ctx()
    while (batch := (yield None)) is not None:
        pairs = []
        with call.place.noting():
            for element in call.place.enter(batch.rows()):
                pairs.append(
                    (function(element) if ctx is None else function(element, ctx), element)
                )
        yield Rows(pairs)


def _without_key(call: Call) -> list[Handler]:
    return [_unkeyed()]


def _unkeyed() -> Handler:
    """Give each element without its key."""
    while (batch := (yield None)) is not None:
        yield Rows([element for _, element in batch.rows()])


SORT_BY = Step("sort_by", _by_key, {FUNCTION: ELEMENT})
GROUP_BY = Step("group_by", _by_key, {FUNCTION: ELEMENT})
SORTED = Step("sorted elements", _without_key)
