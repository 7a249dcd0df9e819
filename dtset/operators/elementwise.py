"""Operators that call a function once an element: map, filter, flat_map, for_each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import repeat
from typing import Any, cast

from dtset.operators.call import FUNCTION, Call
from dtset.operators.kernels.attempts import Made, awaited, tried
from dtset.operators.kernels.batching import Batches
from dtset.operators.kernels.collector import Collector
from dtset.operators.kernels.driver import Handler, driven
from dtset.operators.kernels.failure import Place
from dtset.operators.kernels.pairs import paired
from dtset.operators.operator import Step
from dtset.plan.context import TSetContext
from dtset.plan.user_function import Accepted, Form
from dtset.storage.batch import Rows, chosen

ELEMENT = Accepted(
    "f(x) or f(x, ctx)",
    {1: (Form.ELEMENT, False), 2: (Form.ELEMENT, True)},
    (Form.ELEMENT, False),
)
AWAITED = replace(ELEMENT, takes_async=True)


def called(
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


def mapped(function: Callable[..., Any], ctx: TSetContext | None, place: Place) -> Handler:
    """Give ``f(x)`` for every element."""
    while (batch := (yield None)) is not None:
        yield Rows(called(function, batch.rows(), ctx, place))


def filtered(function: Callable[..., Any], ctx: TSetContext | None, place: Place) -> Handler:
    """Give the elements for which ``f(x)`` is true."""
    while (batch := (yield None)) is not None:
        elements = batch.rows()
        kept = called(function, elements, ctx, place)
        with place.noting():
            survivors = chosen(batch, kept)
        yield survivors


def expanded(function: Callable[[Any], Iterable[Any]], place: Place, limit: int) -> Handler:
    """Give all elements of every ``f(x)``, in batches that stay near `limit`."""
    while (batch := (yield None)) is not None:
        elements = place.enter(batch.rows())
        while gathered := _gathered(elements, function, place, limit):
            yield Rows(gathered)


def _gathered(
    elements: Iterator[Any], function: Callable[[Any], Iterable[Any]], place: Place, limit: int
) -> list[Any]:
    """All elements of ``f(x)`` for the next elements, until they are `limit` or more."""
    gathered: list[Any] = []
    with place.noting():
        for element in elements:
            gathered.extend(function(element))
            if len(gathered) >= limit:
                break
    return gathered


def expanded_into(function: Callable[[Any, Any], Any], place: Place, limit: int) -> Handler:
    """Give all elements that ``f(x, collector)`` collects."""
    gathered: list[Any] = []
    collector = Collector(gathered.append)
    while (batch := (yield None)) is not None:
        elements = place.enter(batch.rows())
        while True:
            with place.noting():
                for element in elements:
                    function(element, collector)
                    if len(gathered) >= limit:
                        break
            if not gathered:
                break
            yield Rows(gathered[:])
            gathered.clear()


def visited(
    batches: Batches, function: Callable[..., Any], ctx: TSetContext | None, place: Place
) -> int:
    """Call a function on every element for its effect; return how many there were."""
    return sum(len(called(function, batch.rows(), ctx, place)) for batch in batches)


def _careful(call: Call, made: Made) -> Handler:
    """Call a function as the attempts say; give what is made of each element and what was returned for it."""
    attempts = call.spec.attempts
    if attempts is None:
        raise AssertionError(f"{call.place} is called without attempts")
    function, ctx = call.function(), call.passed_ctx()
    is_async = call.spec.signatures[FUNCTION].is_async
    if call.form() is Form.ELEMENT_COLLECTOR:
        function = partial(_collected_later if is_async else _collected, function)
    elif ctx is not None:
        function = partial(_with_ctx, function, ctx)
    skip = partial(call.ctx.notes.skip, f"{call.spec.key}/{call.place.partition}")
    if is_async:
        return awaited(function, made, attempts, call.place, call.limit, call.run_id, skip)
    return tried(function, made, attempts, call.place, call.limit, skip)


def _with_ctx(function: Callable[..., Any], ctx: TSetContext, element: Any) -> Any:
    return function(element, ctx)


def _collected(function: Callable[..., Any], element: Any) -> list[Any]:
    gathered: list[Any] = []
    function(element, Collector(gathered.append))
    return gathered


async def _collected_later(function: Callable[..., Any], element: Any) -> list[Any]:
    gathered: list[Any] = []
    await function(element, Collector(gathered.append))
    return gathered


def _the_result(element: Any, result: Any) -> Iterable[Any]:
    return (result,)


def _the_element_if(element: Any, result: Any) -> Iterable[Any]:
    return (element,) if result else ()


def _all_of(element: Any, result: Any) -> Iterable[Any]:
    return cast(Iterable[Any], result)


def _nothing(element: Any, result: Any) -> Iterable[Any]:
    return ()


def for_each(batches: Batches, call: Call) -> None:
    """Call a function on every element for its effect."""
    if call.spec.attempts is None:
        visited(batches, call.function(), call.passed_ctx(), call.place)
        return
    for _ in driven(batches, [_careful(call, _nothing)]):
        pass


def _map(call: Call) -> list[Handler]:
    if call.spec.attempts is not None:
        return [_careful(call, _the_result)]
    return [mapped(call.function(), call.passed_ctx(), call.place)]


def _map_to_tuple(call: Call) -> list[Handler]:
    return [*_map(call), paired(call.place)]


def _filter(call: Call) -> list[Handler]:
    if call.spec.attempts is not None:
        return [_careful(call, _the_element_if)]
    return [filtered(call.function(), call.passed_ctx(), call.place)]


def _flat_map(call: Call) -> list[Handler]:
    if call.spec.attempts is not None:
        return [_careful(call, _all_of)]
    into = call.form() is Form.ELEMENT_COLLECTOR
    return [(expanded_into if into else expanded)(call.function(), call.place, call.limit)]


MAP = Step("map", _map, {FUNCTION: AWAITED})
FILTER = Step("filter", _filter, {FUNCTION: AWAITED})
MAP_TO_TUPLE = Step("map_to_tuple", _map_to_tuple, {FUNCTION: ELEMENT})
FLAT_MAP = Step(
    "flat_map",
    _flat_map,
    {
        FUNCTION: Accepted(
            "f(x) returning an iterable, or f(x, collector)",
            {1: (Form.EXPAND, False), 2: (Form.ELEMENT_COLLECTOR, False)},
            (Form.EXPAND, False),
            takes_async=True,
        )
    },
)
