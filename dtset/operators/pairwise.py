"""Operators that make pairs, or change one part of them: key_by, map_values, flat_map_values, keys, values, lookup."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import repeat
from typing import Any

from dtset.exchange.stable_hash import nan_token
from dtset.operators.aggregates import VALUE
from dtset.operators.call import FUNCTION, Call
from dtset.operators.elementwise import ELEMENT, called
from dtset.operators.kernels.driver import Handler
from dtset.operators.kernels.pairs import is_columnar, pairs_of
from dtset.operators.operator import Step
from dtset.plan.user_function import Accepted, Form
from dtset.storage.batch import Batch, Rows
from dtset.storage.columns import fields_of

KEY = "key"


def _keyed(call: Call) -> Handler:
    """Give ``(f(x), x)`` for every element."""
    while (batch := (yield None)) is not None:
        rows = batch.rows()
        yield Rows(
            list(
                zip(called(call.function(), rows, call.passed_ctx(), call.place), rows, strict=True)
            )
        )


def _pairs(batch: Batch, call: Call) -> list[tuple[Any, Any]]:
    """Elements of a batch as pairs."""
    with call.place.noting():
        return list(pairs_of(batch, call.place))


def _parts(batch: Batch, call: Call) -> tuple[list[Any], list[Any]]:
    """Keys and values of a batch, which is to be gone through once more."""
    pairs = _pairs(batch, call)
    call.place.before -= len(pairs)
    return [key for key, _ in pairs], [value for _, value in pairs]


def _mapped_values(call: Call) -> Handler:
    """Give ``(key, f(value))`` for every pair."""
    while (batch := (yield None)) is not None:
        keys, values = _parts(batch, call)
        yield Rows(
            list(
                zip(
                    keys,
                    called(call.function(), values, call.passed_ctx(), call.place),
                    strict=True,
                )
            )
        )


def _expanded_values(call: Call) -> Handler:
    """Give ``(key, x)`` for every x of ``f(value)``."""
    function = call.function()
    while (batch := (yield None)) is not None:
        keys, values = _parts(batch, call)
        elements = call.place.enter(values)
        gathered: list[Any] = []
        for key, value in zip(keys, elements, strict=False):
            with call.place.noting():
                gathered.extend(zip(repeat(key), function(value), strict=False))
            if len(gathered) >= call.limit:
                yield Rows(gathered)
                gathered = []
        yield Rows(gathered)


def _taken(number: int, call: Call) -> Handler:
    """Give the keys, or the values: of columns without an object for each."""
    while (batch := (yield None)) is not None:
        columns = batch.columns()
        if columns is not None and is_columnar(columns):
            yield fields_of(columns)[number]
        else:
            yield Rows([pair[number] for pair in _pairs(batch, call)])


def _looked_up(call: Call) -> Handler:
    """Give the values of one key; all NaNs are one."""
    key = call.function(KEY)()
    token = nan_token(key)
    while (batch := (yield None)) is not None:
        found = []
        with call.place.noting():
            for other, value in pairs_of(batch, call.place):
                if other == key if token is None else nan_token(other) == token:
                    found.append(value)
        yield Rows(found)


def _alone(handler: Callable[[Call], Handler], call: Call) -> list[Handler]:
    return [handler(call)]


KEY_BY = Step("key_by", partial(_alone, _keyed), {FUNCTION: ELEMENT})
SORT_BY, GROUP_BY = replace(KEY_BY, name="sort_by"), replace(KEY_BY, name="group_by")
MAP_VALUES = Step("map_values", partial(_alone, _mapped_values), {FUNCTION: ELEMENT})
FLAT_MAP_VALUES = Step(
    "flat_map_values",
    partial(_alone, _expanded_values),
    {
        FUNCTION: Accepted(
            "f(value) returning an iterable", {1: (Form.EXPAND, False)}, (Form.EXPAND, False)
        )
    },
)
KEYS = Step("keys", partial(_alone, partial(_taken, 0)))
VALUES = Step("values", partial(_alone, partial(_taken, 1)))
LOOKUP = Step("lookup", partial(_alone, _looked_up), {KEY: VALUE})
