"""A user's function, and the form in which its operator calls it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from dtset.errors import UsageError
from dtset.plan.partition_func import PartitionFunc
from dtset.plan.source_func import SourceFunc


class Form(Enum):
    """How an operator calls the function it was given."""

    OBJECT = "source object with has_next() and next()"
    PARTITIONER = "partition function object with prepare(), partition() and commit()"
    ITERABLE = "f() or f(ctx) returning an iterable"
    COLLECTOR = "f(itr, collector, ctx)"
    STREAM = "generator function f(itr, ctx)"
    VALUE = "f(itr, ctx) returning one value"
    ELEMENT = "f(x) or f(x, ctx)"
    ELEMENT_COLLECTOR = "f(x, collector)"
    EXPAND = "f(x) returning an iterable"
    BATCH = "f(batch) or f(batch, ctx)"
    PAIR = "f(a, b)"
    PARTITION = "f(itr) or f(itr, ctx)"


@dataclass(frozen=True)
class Accepted:
    """The forms of user functions that an operator accepts in a role.

    `forms` are by the number of parameters without a default, each with whether a `TSetContext` is passed;
    `without_signature` is taken for a callable that does not say its parameters.
    """

    said: str
    forms: Mapping[int, tuple[Form, bool]]
    without_signature: tuple[Form, bool] | None = None
    takes_objects: Form | None = None
    takes_async: bool = False


# By the form of objects: their class, the methods that others behave like it with, and those it may have besides.
_OBJECTS: Mapping[Form, tuple[type, tuple[str, ...], tuple[str, ...]]] = {
    Form.OBJECT: (SourceFunc, ("has_next", "next"), ("prepare", "close")),
    Form.PARTITIONER: (PartitionFunc, ("prepare", "partition", "commit"), ()),
}


@dataclass(frozen=True)
class UserFunction:
    """A user's function with the form its operator calls it in."""

    function: Any
    form: Form
    takes_ctx: bool
    label: str
    is_async: bool = False

    @property
    def sees_ctx(self) -> bool:
        """Whether it is passed a `TSetContext`: also a source object's ``prepare`` is."""
        is_source = self.form is Form.OBJECT and hasattr(self.function, "prepare")
        return self.takes_ctx or is_source


def user_function(operator: str, accepted: Accepted, function: object) -> UserFunction:
    """Determine the form of a function that an operator was given."""
    label = label_of(function)
    methods = _object_methods(accepted.takes_objects, function)
    called = [getattr(function, name, None) for name in methods] if methods else [function]
    awaits = any(map(is_async, called))
    if awaits and not accepted.takes_async:
        raise UsageError(
            f"{operator} takes what its function returns, and {label} is async, so that it would have to be awaited: await "
            "it in map, flat_map, filter or for_each, which take async functions, many elements at once"
        )
    if methods and accepted.takes_objects is not None:
        return UserFunction(function, accepted.takes_objects, False, label)
    if not callable(function):
        raise UsageError(f"{operator} takes {accepted.said}; it was given {label}")
    if accepted.takes_objects and isinstance(function, type):
        raise UsageError(
            f"{operator} takes {accepted.said}; it was given the class {label}: pass an instance, {label}()"
        )
    required, most = _parameter_counts(function)
    if required is None:
        if accepted.without_signature is None:
            raise UsageError(
                f"{operator} takes {accepted.said}; {label} does not say how many parameters it has: wrap it in a function"
            )
        form, takes_ctx = accepted.without_signature
    elif required in accepted.forms:
        form, takes_ctx = accepted.forms[required]
    else:
        # Defaults decide nothing but may fill up: f(*args) and f(x=1) take one element.
        fitting = [n for n in sorted(accepted.forms) if required <= n <= most]
        if not fitting:
            plural = "" if required == 1 else "s"
            raise UsageError(
                f"{operator} takes {accepted.said}; {label} has {required} parameter{plural} without a default"
            )
        form, takes_ctx = accepted.forms[fitting[0]]
    if form is Form.VALUE and inspect.isgeneratorfunction(_routine(function)):
        form = Form.STREAM
    if form is not Form.EXPAND and inspect.isasyncgenfunction(_routine(function)):
        raise UsageError(
            f"{operator} awaits what its function returns, and {label} yields: flat_map takes it, as an f(x)"
        )
    return UserFunction(function, form, takes_ctx, label, awaits)


def label_of(function: object) -> str:
    """Name of a function, class or instance as a person knows it."""
    if isinstance(function, partial):
        return f"partial({label_of(function.func)})"
    name = getattr(function, "__qualname__", None)
    if isinstance(name, str):
        return name.rpartition("<locals>.")[2]
    return f"{type(function).__qualname__} object"


def _object_methods(form: Form | None, function: object) -> tuple[str, ...]:
    """Return the methods that are called of an object that is taken as such, whether or not it derives from its class."""
    if form is None or isinstance(function, type):
        return ()
    base, needed, others = _OBJECTS[form]
    behaves = all(callable(getattr(function, name, None)) for name in needed)
    return (*needed, *others) if behaves or isinstance(function, base) else ()


def _parameter_counts(function: Callable[..., Any]) -> tuple[int | None, float]:
    """Positional parameters without a default, and positional parameters at the most."""
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return None, 0
    required, most = 0, 0.0
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            most = float("inf")
        elif parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            raise UsageError(
                f"{label_of(function)} has the keyword-only parameter {parameter.name!r} without a default, "
                "which no operator passes: give it a default, or bind it with functools.partial"
            )
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            most += 1
            required += parameter.default is parameter.empty
    return required, most


def is_async(function: Any) -> bool:
    """Whether a callable is an async function or generator."""
    routine = _routine(function)
    return inspect.iscoroutinefunction(routine) or inspect.isasyncgenfunction(routine)


def _routine(function: Any) -> Any:
    """What a callable runs, seen through partials and callable objects."""
    while isinstance(function, partial):
        function = function.func
    return function if inspect.isroutine(function) else type(function).__call__
