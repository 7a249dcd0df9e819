"""Classes: the user's by what is in them, those of installed distributions by name."""

from __future__ import annotations

import abc
import functools
import sys
import typing
from collections import namedtuple
from enum import EnumType
from types import DynamicClassAttribute, FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any

from dtset.fingerprint.description import Context, Description, Mark, Part
from dtset.fingerprint.functions import describe_mark
from dtset.fingerprint.libraries import is_generated_elsewhere
from dtset.fingerprint.naming import by_name
from dtset.fingerprint.origin import HEAP_TYPE, is_users_class
from dtset.fingerprint.pruning import Reads
from dtset.fingerprint.version import word_of

_NEVER = frozenset(
    (
        "__dict__", "__weakref__", "__module__", "__qualname__", "__doc__", "__annotations__",
        "__firstlineno__", "__static_attributes__", "__parameters__",
        "__orig_bases__", "__dataclass_params__", "__dtset_version__", "_abc_impl", "__slotnames__",
        "__final__", "__override__", "__annotate__", "__annotate_func__", "__annotations_cache__", "__classdictcell__",
        "_is_protocol", "__protocol_attrs__", "__non_callable_proto_members__",
    )
)  # fmt: skip
_FIELD_GETTER: type = type(vars(namedtuple("_Pair", "one other"))["one"])
_GENERATED_BY = ("dataclasses", "collections", "typing", "enum")
_FIELD = (
    "name",
    "type",
    "default",
    "default_factory",
    "init",
    "repr",
    "hash",
    "compare",
    "kw_only",
    "metadata",
)


def describe_class(cls: type, context: Context) -> Description:
    """Describe a class, with its bases and metaclass."""
    if not is_users_class(cls):
        named = by_name(cls, cls.__module__)
        if named is None and not cls.__flags__ & HEAP_TYPE:
            # Written in C, and not kept under its name: `types.FunctionType` is `builtins.function`.
            named = Mark.library(cls.__module__, f"{cls.__module__}.{cls.__qualname__}")
        if named is not None:
            return describe_mark(named)
    bases = [
        Part(f"base {number}", base, "base", base.__name__)
        for number, base in enumerate(cls.__bases__)
        if base is not object
    ]
    if type(cls) is not type:
        bases.append(Part("metaclass", type(cls), "metaclass", type(cls).__name__))
    word = word_of(cls)
    if word is not None:
        return Description(("versioned class", word, cls.__name__), bases, "class")
    if isinstance(cls, EnumType):
        return _describe_enum(cls, bases, context)
    parts = bases + _namespace(cls, context)
    label: tuple[Any, ...] = ("class", cls.__name__)
    if Reads.NAMES in context.reads:
        label += (cls.__qualname__,)
    if Reads.DOCS in context.reads:
        label += (cls.__doc__ if isinstance(cls.__doc__, str) else None,)
    if Reads.STATE in context.reads:
        label += tuple(name for name in vars(cls) if name not in _NEVER)
    parameters = vars(cls).get("__dataclass_params__")
    if parameters is not None:
        label += (repr(parameters),)
    if Reads.ANNOTATIONS in context.reads or _reads_annotations(cls):
        parts += _annotations(cls)
        if "__orig_bases__" in vars(cls):
            parts.append(Part("written bases", vars(cls)["__orig_bases__"], "base", "arguments"))
    if _is_named_tuple(cls) or "__dataclass_fields__" in vars(cls):
        parts += _defaults_of_generated(cls)
    if Reads.SUBCLASSES in context.reads:
        parts += _subclasses(cls)
    for found in registered(cls):
        name = found.__name__
        parts.append(Part(f"registered {name}", found, "registered", name))
    return Description(label, parts, "class")


def _annotations(cls: type) -> list[Part]:
    found = vars(cls).get("__annotations__")
    if not isinstance(found, dict):
        return []
    return [Part(f"annotation {name}", each, "annotation", name) for name, each in found.items()]


def _reads_annotations(cls: type) -> bool:
    own = vars(cls)
    if "__dataclass_fields__" in own or "__attrs_attrs__" in own or "__total__" in own:
        return True
    return _is_named_tuple(cls) or type(cls) not in (type, abc.ABCMeta)


def _is_named_tuple(cls: type) -> bool:
    return issubclass(cls, tuple) and "_fields" in vars(cls) and "_field_defaults" in vars(cls)


def _namespace(cls: type, context: Context) -> list[Part]:
    getters = frozenset(vars(cls)["_fields"]) if _is_named_tuple(cls) else frozenset[str]()
    parts: list[Part] = []
    for name, value in sorted(vars(cls).items()):
        if _is_pythons(name, value) or _is_generated(name, value):
            continue
        is_getter = name in getters and isinstance(value, _FIELD_GETTER)
        if is_getter or isinstance(value, MemberDescriptorType | GetSetDescriptorType):
            continue
        if is_generated_elsewhere(cls, name, value):
            if isinstance(value, FunctionType):
                parts.append(Part(f"has {name}", Mark("generated", name), "method", name))
            continue
        if name == "__init__" and _is_protocols_init(cls, value):
            continue
        if f"{cls.__name__}.{name}" in context.ignore:
            continue
        # An object with only an identity goes by the name of the attribute that holds it.
        held = Mark("sentinel", name) if type(value) is object else value
        is_method = isinstance(value, FunctionType | staticmethod | classmethod)
        noun = "method" if is_method else "attribute"
        parts.append(Part(f"has {name}", held, noun, name))
    return parts


def _is_protocols_init(cls: type, value: object) -> bool:
    """Whether typing gave a class the `__init__` that it would inherit, when it was first instantiated."""
    if not any(getattr(base, "_is_protocol", False) for base in cls.__mro__):
        return False
    inherited = (vars(base)["__init__"] for base in cls.__mro__[1:] if "__init__" in vars(base))
    return value is getattr(typing, "_no_init_or_replace_init", None) or value in inherited


def _is_pythons(name: str, value: object) -> bool:
    """Whether Python itself put something into a class; a property called `__doc__` is the user's."""
    return name in _NEVER and (not hasattr(type(value), "__get__") or name.startswith("__annotate"))


def _is_generated(name: str, value: object) -> bool:
    """Whether the standard library wrote a method, from fields that count, and nobody has put another in its place."""
    function = getattr(value, "__func__", value)
    if not isinstance(function, FunctionType) or function.__name__ != name:
        return False
    scope = str(function.__globals__.get("__name__"))
    if scope in _GENERATED_BY or (scope.startswith("namedtuple_") and scope not in sys.modules):
        return name.startswith("_")
    # dataclasses compiles its methods in the globals of the user's module.
    return function.__code__.co_qualname.startswith("__create_fn__.")


def _defaults_of_generated(cls: type) -> list[Part]:
    """Defaults of generated methods: an old way of giving a named tuple's fields theirs."""
    parts = []
    for name in ("__new__", "__init__"):
        held = vars(cls).get(name)
        function = getattr(held, "__func__", held)
        if isinstance(function, FunctionType) and function.__defaults__ is not None:
            given = function.__defaults__
            parts.append(Part(f"defaults of {name}", given, "defaults of", name))
    return parts


def _describe_enum(cls: EnumType, parts: list[Part], context: Context) -> Description:
    members: dict[str, Any] = dict(cls.__members__)
    for name, member in members.items():
        parts.append(Part(f"member {name}", member._value_, "member", name))
        mixed = _mixed_in(cls, member)
        if mixed is not None:
            parts.append(Part(f"member {name} as mixed in", mixed, "member", name))
        state = {
            k: v
            for k, v in vars(member).items()
            if k not in _MEMBER_STATE and not k.startswith("__")
        }
        for key, value in sorted(state.items()):
            parts.append(Part(f"member {name}.{key}", value, "member", f"{name}.{key}"))
    for name, value in sorted(vars(cls).items()):
        if name in members or _is_pythons(name, value) or _is_generated(name, value):
            continue
        if name in _ENUM_OWN or (_is_sunder(name) and not _is_written(value)):
            continue
        if any(
            vars(base).get(name) is value for base in cls.__mro__[1:] if isinstance(base, EnumType)
        ):
            # `EnumType` gives each class the methods of the first enum among its bases.
            continue
        noun = "method" if _is_written(value) else "attribute"
        parts.append(Part(f"has {name}", value, noun, name))
    label: tuple[Any, ...] = ("enum", cls.__name__, *members)
    boundary = vars(cls).get("_boundary_")
    if boundary is not None:
        label += (str(boundary),)
    if Reads.DOCS in context.reads:
        label += (cls.__doc__, *(str(vars(member).get("__doc__")) for member in members.values()))
    if Reads.STATE in context.reads:
        label += tuple(name for name in vars(cls) if name not in _NEVER)
    if Reads.ANNOTATIONS in context.reads:
        parts += _annotations(cls)
    return Description(label, parts, "class")


def _mixed_in(cls: Any, member: Any) -> object:
    """What a member is as an instance of the builtin it is mixed with, where that is not its value."""
    kind = cls._member_type_
    for plain in (str, bytes, int, float):
        if kind is plain:
            mixed = plain.__new__(plain, member)
            return None if mixed == member._value_ and type(member._value_) is plain else mixed
    return None


def _is_written(value: object) -> bool:
    return isinstance(
        value, (FunctionType, staticmethod, classmethod, property, DynamicClassAttribute)
    )


def _is_sunder(name: str) -> bool:
    return name.startswith("_") and name.endswith("_") and not name.startswith("__")


_MEMBER_STATE = frozenset(("_value_", "_name_", "_sort_order_", "_inverted_"))
_ENUM_OWN = frozenset(("__new__", "_new_member_", "__reduce_ex__", "_use_args_", "_boundary_"))


def _subclasses(cls: type) -> list[Part]:
    known: list[type] = type.__subclasses__(cls)
    found = [below for below in known if is_users_class(below)]
    # In the order of definition, which `__subclasses__` gives too.
    return [Part(f"subclass {each.__name__}", each, "subclass", each.__name__) for each in found]


def registered(cls: type) -> list[type]:
    """Virtual subclasses of an abstract class, which `isinstance` sees."""
    if not isinstance(cls, abc.ABCMeta) or "_abc_impl" not in vars(cls):
        return []
    # The registry has no other reader than this one, which cloudpickle uses too.
    references = abc._get_dump(cls)[0]  # type: ignore[attr-defined]
    classes = [found for found in (reference() for reference in references) if found is not None]
    return sorted(classes, key=lambda found: (found.__name__, found.__qualname__))


def describe_field(field: Any, context: Context) -> Description:
    """A field of a dataclass, without what Python adds to it."""
    parts = [
        Part(name, getattr(field, name), "attribute", name)
        for name in _FIELD
        if name != "metadata" or field.metadata
    ]
    return Description(("dataclass field", str(field._field_type)), parts)


def describe_descriptor(value: Any, context: Context) -> Description | None:
    """Describe what wraps a function inside a class; None for anything else."""
    parts: list[Part]
    if isinstance(value, (staticmethod, classmethod)):
        kind = "staticmethod" if isinstance(value, staticmethod) else "classmethod"
        parts = [Part("function", value.__func__, "method", "")]
    elif isinstance(value, (property, DynamicClassAttribute)):
        kind = "property"
        named = (("get", value.fget), ("set", value.fset), ("delete", value.fdel))
        parts = [Part(name, part, "property", name) for name, part in named if part is not None]
    elif isinstance(value, functools.cached_property):
        kind = "cached_property"
        parts = [Part("function", value.func, "property", "get")]
    elif type(value) is functools.partialmethod:
        kind = "partialmethod"
        parts = [
            Part("function", value.func, "method", ""),
            Part("arguments", tuple(value.args), "argument", ""),
            Part("keywords", dict(value.keywords), "argument", ""),
        ]
    elif type(value) is functools.singledispatchmethod:
        kind = "singledispatchmethod"
        parts = [Part("dispatcher", value.dispatcher, "method", "")]
    else:
        return None
    label: tuple[Any, ...] = (kind,)
    if kind == "property" and Reads.DOCS in context.reads:
        label += (str(value.__doc__),)
    if is_users_class(type(value)):
        # One of the user's own kind: its class and what it holds besides count too.
        own = {name: part for name, part in vars(value).items() if name not in _DESCRIPTORS}
        parts += Part.named(sorted(own.items()), "attribute")
        parts.append(Part.of_class(value))
    return Description(label, parts, "helper")


_DESCRIPTORS = frozenset(
    (
        "__doc__", "__module__", "__name__", "__qualname__", "__wrapped__", "__annotations__",
        "__isabstractmethod__", "func", "attrname", "lock",
    )
)  # fmt: skip
