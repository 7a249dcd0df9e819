"""Classes by value: made empty, without running any code of theirs, then filled.

What a metaclass, `__init_subclass__`, `__set_name__` or a decorator did on the driver shows in the class's
namespace, and that is what travels: registries and generated methods are the driver's, not made twice.
"""

from __future__ import annotations

import abc
import enum
from functools import partial
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, cast

from dtset.execution.shipping.functions import Reduced
from dtset.execution.shipping.loading import current
from dtset.fingerprint.classes import registered
from dtset.fingerprint.origin import HEAP_TYPE

_EARLY = ("__module__", "__slots__", "__orig_bases__", "__firstlineno__", "__static_attributes__")
_ABC_STATE = frozenset({"_abc_impl", "__dict__", "__weakref__", "__annotate_func__"})
_LATE = "__init_subclass__"


def reduce_class(cls: type, is_present: bool) -> Reduced:
    """Take a class apart; `is_present` says that its name still leads to it on the driver."""
    namespace = cls.__dict__
    early = {name: namespace[name] for name in _EARLY if name in namespace}
    early["__qualname__"] = cls.__qualname__
    late = {
        name: value
        for name, value in namespace.items()
        if name not in early and name not in _ABC_STATE and not _is_own_slot(cls, value)
    }
    arguments = (type(cls), cls.__name__, cls.__bases__, early)
    return _build, arguments, (late, registered(cls), is_present), None, None, _fill


def reduce_enum_member(member: enum.Enum) -> Reduced:
    """Take an enum's member apart, without asking the enum to look it up by value."""
    cls = type(member)
    base: type = getattr(cls, "_member_type_", object)
    maker = next(
        kind for kind in base.__mro__ if kind.__flags__ & HEAP_TYPE == 0 and "__new__" in vars(kind)
    )
    arguments = _new_arguments(member) if maker is not object else ()
    made = maker.__new__, (cls, *arguments)
    return *made, dict(vars(member)), None, None, _fill_member


def _new_arguments(member: enum.Enum) -> tuple[Any, ...]:
    getter = getattr(member, "__getnewargs__", None)
    if getter is not None:
        return cast("tuple[Any, ...]", getter())
    base: Any = vars(type(member))["_member_type_"]
    return cast("tuple[Any, ...]", base.__reduce_ex__(member, 2)[1])


def _is_own_slot(cls: type, value: object) -> bool:
    kinds = (MemberDescriptorType, GetSetDescriptorType)
    return isinstance(value, kinds) and value.__objclass__ is cls


def _build(metaclass: type, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
    cls: type = type.__new__(metaclass, name, bases, dict(namespace))
    if isinstance(cls, abc.ABCMeta):
        abc._abc_init(cls)  # type: ignore[attr-defined]
    current().made += 1
    return cls


def _fill(cls: type, state: tuple[dict[str, Any], list[type], bool]) -> None:
    late, registered, is_present = state
    loader = current()
    for name, value in late.items():
        if name == _LATE:
            # Subclasses that are still to be built must not call it.
            loader.afterwards.append(partial(type.__setattr__, cls, _LATE, value))
        else:
            type.__setattr__(cls, name, value)
    register: Any = abc.ABCMeta.register
    loader.afterwards.extend(partial(register, cls, subclass) for subclass in registered)
    loader.classes.setdefault((cls.__module__, cls.__qualname__), {})[cls] = is_present


def _fill_member(member: object, state: dict[str, Any]) -> None:
    vars(member).update(state)
