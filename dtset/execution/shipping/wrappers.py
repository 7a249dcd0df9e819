"""Standard-library objects around user code that pickle cannot take apart as they are."""

from __future__ import annotations

import dataclasses
import functools
import sys
import typing
import weakref
from collections.abc import Callable
from types import FunctionType
from typing import Any

from dtset.execution.shipping.functions import Reduced

_OWN_ATTRIBUTES = frozenset({"register", "dispatch", "registry", "_clear_cache"})


def is_dispatcher(function: FunctionType) -> bool:
    """Whether a function is what `functools.singledispatch` returns."""
    return (
        function.__globals__ is vars(functools)
        and function.__code__.co_qualname == "singledispatch.<locals>.wrapper"
    )


def reduce_dispatcher(function: FunctionType) -> Reduced:
    """Take a `singledispatch` function apart into its implementations."""
    registry = dict(typing.cast("Any", function).registry)
    names = (function.__name__, function.__qualname__, function.__module__, function.__doc__)
    attributes = {k: v for k, v in vars(function).items() if k not in _OWN_ATTRIBUTES}
    state = (list(registry.items()), names, attributes)
    return functools.singledispatch, (registry[object],), state, None, None, _fill_dispatcher


def _fill_dispatcher(function: Any, state: tuple[list[tuple[type, Any]], Any, Any]) -> None:
    implementations, names, attributes = state
    for kind, implementation in implementations:
        function.register(kind, implementation)
    function.__name__, function.__qualname__, function.__module__, function.__doc__ = names
    vars(function).update(attributes)


def _reduce_lru(cached: Any) -> Reduced:
    """A cached function travels with an empty cache."""
    attributes = {k: v for k, v in vars(cached).items() if k != "cache_parameters"}
    parameters = cached.cache_parameters()
    return _build_lru, (cached.__wrapped__, parameters["maxsize"], parameters["typed"]), attributes


def _build_lru(function: Callable[..., Any], maxsize: int | None, typed: bool) -> object:
    return functools.lru_cache(maxsize, typed)(function)


def _reduce_cached_property(prop: functools.cached_property[Any]) -> Reduced:
    # Python 3.11 keeps a lock in it, which the new one has of its own.
    attributes = {k: v for k, v in vars(prop).items() if k != "lock"}
    return functools.cached_property, (prop.func,), attributes


def _reduce_type_variable(variable: Any) -> Reduced:
    kind = type(variable)
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = {}
    if kind is typing.TypeVar:
        arguments = variable.__constraints__
    if kind is not typing.TypeVarTuple:
        keywords = {
            "bound": variable.__bound__,
            "covariant": variable.__covariant__,
            "contravariant": variable.__contravariant__,
        }
    return _build_type_variable, (kind, variable.__name__, arguments, keywords, variable.__module__)


def _build_type_variable(
    kind: Any, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any], module: str
) -> Any:
    variable = kind(name, *arguments, **keywords)
    variable.__module__ = module
    return variable


def _reduce_new_type(new_type: Any) -> Reduced:
    arguments = (new_type.__qualname__, new_type.__supertype__)
    return typing.NewType, arguments, {"__module__": new_type.__module__}


def _reduce_weak_keys(mapping: Any) -> Reduced:
    return type(mapping), (list(mapping.items()),)


def reduce_descriptor(descriptor: Any) -> Reduced | None:
    """Take an instance of a subclass of property, classmethod or staticmethod apart."""
    if isinstance(descriptor, property):
        parts = (descriptor.fget, descriptor.fset, descriptor.fdel, descriptor.__doc__)
        return _build_descriptor, (property, type(descriptor), parts), vars(descriptor) or None
    for base in (classmethod, staticmethod):
        if isinstance(descriptor, base):
            return _build_descriptor, (base, type(descriptor), (descriptor.__func__,))
    return None


def _build_descriptor(base: Any, kind: type, parts: tuple[Any, ...]) -> Any:
    descriptor = base.__new__(kind)
    base.__init__(descriptor, *parts)
    return descriptor


def _by_name(module: Any, name: str) -> Callable[[object], Reduced]:
    def reduce(value: object) -> Reduced:
        return getattr, (module, name)

    return reduce


REDUCERS: dict[type, Callable[[Any], Reduced]] = {
    type(functools.lru_cache(_reduce_lru)): _reduce_lru,
    functools.cached_property: _reduce_cached_property,
    typing.TypeVar: _reduce_type_variable,
    typing.ParamSpec: _reduce_type_variable,
    typing.TypeVarTuple: _reduce_type_variable,
    typing.NewType: _reduce_new_type,
    weakref.WeakKeyDictionary: _reduce_weak_keys,
    weakref.WeakValueDictionary: _reduce_weak_keys,
    type(dataclasses.MISSING): _by_name(dataclasses, "MISSING"),
    type(dataclasses.KW_ONLY): _by_name(dataclasses, "KW_ONLY"),
}
"""By type, for objects whose identity with an installed name has been ruled out.

Sentinels that dataclasses compare by identity are found again by name."""

_FACTORY_MARK = getattr(dataclasses, "_HAS_DEFAULT_FACTORY", None)
if _FACTORY_MARK is not None:
    REDUCERS[type(_FACTORY_MARK)] = _by_name(sys.modules["dataclasses"], "_HAS_DEFAULT_FACTORY")
