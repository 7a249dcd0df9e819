"""What operations with a function take by keyword: files that it reads, and how it is tried."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict, cast

from dtset.errors import ConfigurationError, UsageError
from dtset.operators.operator import Action, Step
from dtset.plan.attempts import ON_ERROR, Attempts, OnError
from dtset.plan.user_function import UserFunction
from dtset.session.arguments import number_of
from dtset.settings import whole_number

if TYPE_CHECKING:
    from dtset.io.files import Urls


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
