"""Arguments of operations, checked before anything is made or run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, SupportsFloat, TypedDict, cast

from dtset.errors import ConfigurationError, UsageError
from dtset.operators.operator import Action, Step
from dtset.plan.attempts import ON_ERROR, Attempts, OnError
from dtset.plan.nodes import Node, Stored
from dtset.plan.user_function import UserFunction
from dtset.session.arguments import a_number, number_of
from dtset.settings import whole_number
from dtset.tset.elsewhere import HOW_TO_KEY
from dtset.tset.handle import Handle, check_name

if TYPE_CHECKING:
    from dtset.io.files import Urls


def partitions_of(said: str, given: object, default: int) -> int:
    """Return the number of partitions that an operation was given, or its default."""
    number = default if given is None else given
    return number_of(f"{said} takes a number of partitions", number, least=1)


def one_of(said: str, what: str, given: str, known: Sequence[str]) -> str:
    """Return a word that an operation was given, of those that it knows."""
    if given not in known:
        raise ConfigurationError(
            f"{said} takes {what}= one of {', '.join(known)}, and was given {given!r}"
        )
    return given


def number_of_elements(said: str, given: object) -> int:
    """Return a number of elements that an action was given."""
    return number_of(f"{said} takes a number of elements", given, least=0)


def check_sample(fraction: object, seed: object) -> tuple[float, int]:
    """Return the fraction and the seed of a sample."""
    number = a_number(seed, least=-(2**63))
    if not isinstance(fraction, SupportsFloat) or not 0 <= float(fraction) <= 1 or number is None:
        raise ConfigurationError(
            f"sample() takes a fraction from 0 to 1 and an int as seed, and was given {fraction!r} and {seed!r}"
        )
    return float(fraction), number


def of_one_session(said: str, first: object, other: object) -> list[Any]:
    """Return TSets of one environment: the first, and one or more others."""
    others = other if isinstance(other, Iterable) and not isinstance(other, Handle) else [other]
    handles: list[Handle[Any]] = []
    for tset in [first, *others]:
        if not isinstance(tset, Handle):
            raise UsageError(f"{said} takes a TSet, or a sequence of such, and was given {tset!r}")
        handles.append(tset)
        handles[0]._session.check_own(tset, tset._session)
    return handles


def with_right(said: str, left: Handle[Any], right: object) -> tuple[Node, Node]:
    """Return the nodes of a keyed TSet and of another one."""
    if not isinstance(right, Handle) or not right._is_keyed:
        raise UsageError(f"{said} takes a KeyedTSet, and was given {right!r}: {HOW_TO_KEY}")
    left._session.check_own(right, right._session)
    return left._node, right._node


def zipped(said: str, first: object, other: object) -> list[Any]:
    """Return TSets whose partitions can be put together, those of the same number."""
    handles = of_one_session(said, first, other)
    for tset in handles:
        if tset.parallelism != handles[0].parallelism:
            raise ConfigurationError(
                f"{said} puts partitions of the same number together: {handles[0].name} has {handles[0].parallelism} "
                f"partitions and {tset.name} has {tset.parallelism}. Give their sources the same parallelism= (one of "
                f"{handles[0].parallelism}, say), or put them one after the other with concat()"
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


class Given(TypedDict, total=False):
    """What operations with a function take by keyword; `TSet` says it."""

    depends_on: Urls | None


class Trying(TypedDict, total=False):
    """How a function of elements is tried; `TSet` says it."""

    concurrency: int
    retries: int
    timeout: float
    on_error: OnError


class GivenEach(Given, Trying, total=False):
    """What `map`, `filter` and `flat_map` take by keyword."""


def attempts_of(
    operator: Step | Action, functions: Mapping[str, UserFunction], given: Trying | Given
) -> Attempts | None:
    """Return how often, of how many elements at once and for how long a function is called; None where that is plain."""
    name = operator.name
    trying = cast("dict[str, Any]", dict(given))
    if isinstance(operator, Step):
        trying.pop("depends_on", None)
    takes_them = any(accepted.takes_async for accepted in operator.takes.values())
    if unknown := trying.keys() - (Trying.__annotations__.keys() if takes_them else set()):
        raise TypeError(f"{name}() got an unexpected keyword argument {min(unknown)!r}")
    is_async = any(function.is_async for function in functions.values())
    for what in ("concurrency", "timeout"):
        if trying.get(what) is not None and not is_async:
            raise UsageError(
                f"{name}({what}=…) is of an async function, and this one is called for one element after the other: "
                f"leave it out, or make it `async def`"
            )
    concurrency = trying.get("concurrency")
    if concurrency is None:
        concurrency = whole_number("concurrency", least=1)
    at_once = number_of(f"{name}(concurrency=…) takes a number of elements", concurrency, least=1)
    retries = number_of(
        f"{name}(retries=…) takes a number of calls", trying.get("retries", 0), least=0
    )
    timeout = trying.get("timeout")
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
