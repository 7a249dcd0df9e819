"""Arguments of operations, checked before anything is made or run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from dtset.errors import ConfigurationError, UsageError
from dtset.operators.operator import Action, Step
from dtset.plan.attempts import ON_ERROR, Attempts, Trying
from dtset.plan.nodes import Stored
from dtset.plan.user_function import UserFunction
from dtset.session.arguments import a_number
from dtset.settings import whole_number
from dtset.tset.handle import Handle, check_name


def partitions_of(said: str, given: object, default: int) -> int:
    """Return the number of partitions that an operation was given, or its default."""
    number = default if given is None else a_number(given, least=1)
    if number is None:
        raise ConfigurationError(
            f"{said} takes a number of partitions from 1 on, and was given {given!r}"
        )
    return number


def attempts_of(
    operator: Step | Action, functions: Mapping[str, UserFunction], trying: Trying
) -> Attempts | None:
    """Return how often, of how many elements at once and for how long a function is called; None where that is plain."""
    name = operator.name
    if unknown := trying.keys() - Trying.__annotations__.keys():
        raise TypeError(f"{name}() got an unexpected keyword argument {min(unknown)!r}")
    is_async = any(function.is_async for function in functions.values())
    given = dict(trying)
    for what in ("concurrency", "timeout"):
        if given.get(what) is not None and not is_async:
            raise UsageError(
                f"{name}({what}=…) is of an async function, and this one is called for one element after the other: "
                f"leave it out, or make it `async def`"
            )
    concurrency = given.get("concurrency")
    if concurrency is None:
        concurrency = whole_number("concurrency", least=1)
    at_once, retries = a_number(concurrency, least=1), a_number(given.get("retries", 0), least=0)
    if at_once is None:
        raise ConfigurationError(
            f"{name}(concurrency=…) takes a number of elements from 1 on, and was given {concurrency!r}"
        )
    if retries is None:
        raise ConfigurationError(
            f"{name}(retries=…) takes a number of calls from 0 on, and was given {given['retries']!r}"
        )
    timeout = given.get("timeout")
    if timeout is not None and not (isinstance(timeout, int | float) and 0 < timeout < math.inf):
        raise ConfigurationError(
            f"{name}(timeout=…) takes a number of seconds above 0, and was given {timeout!r}"
        )
    on_error = trying.get("on_error", "raise")
    if on_error not in ON_ERROR or (on_error == "keep" and isinstance(operator, Action)):
        chosen = [each for each in ON_ERROR if each != "keep" or isinstance(operator, Step)]
        raise ConfigurationError(
            f"{name}(on_error=…) takes one of {', '.join(map(repr, chosen))}, and was given {on_error!r}"
        )
    attempts = Attempts(at_once, retries, timeout, on_error)
    return attempts if is_async or retries or on_error != "raise" else None


def zipped(said: str, first: object, other: object) -> list[Any]:
    """Return TSets whose partitions can be put together, those of the same number: the first, and one or more others."""
    others = other if isinstance(other, Iterable) and not isinstance(other, Handle) else [other]
    handles: list[Handle[Any]] = []
    for tset in [first, *others]:
        if not isinstance(tset, Handle):
            raise UsageError(f"{said} takes a TSet, or a sequence of such, and was given {tset!r}")
        handles.append(tset)
        handles[0]._session.check_own(tset, tset._session)
        if tset.parallelism != handles[0].parallelism:
            raise ConfigurationError(
                f"{said} puts partitions of the same number together: {handles[0].name} has {handles[0].parallelism} "
                f"partitions and {tset.name} has {tset.parallelism}. Give their sources the same parallelism="
            )
    return handles


def check_input(to: Handle[Any], name: str, stored: Handle[Any]) -> None:
    """Make sure that stored elements can be a side input."""
    check_name("add_input()", name)
    if isinstance(to._node, Stored) or not to._node.sees_ctx:
        raise UsageError(
            f"add_input({name!r}) of {to.name}, whose function takes no ctx and could not ask for it: call it on "
            "the result of an operation with a function f(x, ctx) or f(itr, ctx)"
        )
    if not isinstance(stored, Handle) or not isinstance(stored._node, Stored):
        raise UsageError(
            f"add_input({name!r}) takes cached or persisted elements, and was given {stored!r}: call its cache() or "
            "persist() first"
        )
    to._session.check_own(stored, stored._session)
    if stored.parallelism not in (1, to.parallelism):
        raise ConfigurationError(
            f"add_input({name!r}): {stored.name} has {stored.parallelism} partitions and {to.name} has "
            f"{to.parallelism}: give one as many as the other, or one partition"
        )
