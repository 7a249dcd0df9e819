"""The operators that call a function once a partition: compute and sink."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any

from dtset.operators.call import FUNCTION, Call
from dtset.operators.kernels.batching import Batches
from dtset.operators.kernels.driver import Handler, driven
from dtset.operators.kernels.failure import Place, close_all
from dtset.operators.kernels.pairs import paired
from dtset.operators.kernels.push import pushed
from dtset.operators.kernels.streaming import streaming
from dtset.operators.operator import Action, Pull, Step
from dtset.plan.context import TSetContext
from dtset.plan.nodes import Content
from dtset.plan.user_function import Accepted, Form
from dtset.storage.batch import Batch


def elements_of(batches: Iterable[Batch], place: Place) -> Iterator[Any]:
    """All elements of a partition as one iterator; `place` knows how far it was read."""
    return chain.from_iterable(place.enter(batch.rows()) for batch in batches)


def computed(
    function: Callable[..., Any], ctx: TSetContext, place: Place, limit: int, batches: Batches
) -> Batches:
    """Give the one value that ``f(itr, ctx)`` returns; an iterator that it returns is streamed."""
    try:
        with place.noting():
            value = function(elements_of(batches, place), ctx)
    except BaseException as error:
        close_all([batches.close], error)
        raise
    elements = value if isinstance(value, Iterator) else [value]
    yield from streaming(elements, place, limit, batches.close)


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


def _compute(call: Call) -> list[Handler] | Pull:
    function = call.function()
    if call.spec.content is Content.VALUE:
        function = partial(_with_value, function)
    if call.form() is Form.COLLECTOR:
        return [pushed(function, call.ctx, call.place, call.limit)]
    return partial(computed, function, call.ctx, call.place, call.limit)


def _with_value(function: Callable[..., Any], elements: Iterator[Any], *rest: Any) -> Any:
    """Call a function with the one element, in place of an iterator over it."""
    return function(next(elements), *rest)


def _compute_to_tuple(call: Call) -> list[Handler] | Pull:
    made = _compute(call)
    if isinstance(made, list):
        return [*made, paired(call.place)]
    return lambda batches: driven(made(batches), [paired(call.place)])


def _sink(batches: Batches, call: Call) -> None:
    consumed(batches, call.function(), call.passed_ctx(), call.place)


_COMPUTING = {
    FUNCTION: Accepted(
        "f(itr, collector, ctx), or f(itr, ctx) returning a value or, as a generator function, streaming elements",
        {2: (Form.VALUE, True), 3: (Form.COLLECTOR, True)},
    )
}
COMPUTE = Step("compute", _compute, _COMPUTING)
COMPUTE_TO_TUPLE = Step("compute_to_tuple", _compute_to_tuple, _COMPUTING)
SINK = Action(
    "sink",
    _sink,
    {
        FUNCTION: Accepted(
            "f(itr) or f(itr, ctx)",
            {1: (Form.PARTITION, False), 2: (Form.PARTITION, True)},
            (Form.PARTITION, False),
        )
    },
)
