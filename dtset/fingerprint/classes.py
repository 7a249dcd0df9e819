"""Classes: the user's by what is in them, those of installed distributions by name."""

from __future__ import annotations

import abc
import functools
from enum import EnumType
from types import DynamicClassAttribute, FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any

from dtset.fingerprint.description import Context, Description, Mark, Part
from dtset.fingerprint.functions import describe_mark
from dtset.fingerprint.naming import by_name
from dtset.fingerprint.origin import is_user_module
from dtset.fingerprint.pruning import Reads
from dtset.fingerprint.version import word_of

__all__ = ["describe_class", "describe_descriptor", "describe_field"]

_NEVER = frozenset(
    (
        "__dict__", "__weakref__", "__module__", "__qualname__", "__doc__", "__annotations__",
        "__firstlineno__", "__static_attributes__", "__abstractmethods__", "__parameters__",
        "__orig_bases__", "__dataclass_params__", "__dtset_version__", "_abc_impl", "__slotnames__",
        "__annotate__", "__annotate_func__", "__annotations_cache__", "__classdictcell__",
        "_is_protocol", "_is_runtime_protocol", "__protocol_attrs__", "__non_callable_proto_members__",
    )
)  # fmt: skip
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
    if not is_user_module(cls.__module__):
        named = by_name(cls, cls.__module__)
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
        return Description(("versioned class", word, cls.__name__), noun="class")
    if isinstance(cls, EnumType):
        return _describe_enum(cls, bases)
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
        annotations = vars(cls).get("__annotations__") or {}
        parts += [Part(f"annotation {n}", v, "annotation", n) for n, v in annotations.items()]
        if "__orig_bases__" in vars(cls):
            parts.append(Part("written bases", vars(cls)["__orig_bases__"], "base", "arguments"))
    if Reads.SUBCLASSES in context.reads:
        parts += _subclasses(cls)
    return Description(label, parts + _registered(cls), "class")


def _reads_annotations(cls: type) -> bool:
    """Whether the class was made from its annotations."""
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
        if _is_pythons(name, value) or name in getters or _is_generated(name, value):
            continue
        if isinstance(value, (MemberDescriptorType, GetSetDescriptorType)):
            continue
        if f"{cls.__name__}.{name}" in context.ignore:
            continue
        # An object with only an identity goes by the name of the attribute that holds it.
        held = Mark("sentinel", name) if type(value) is object else value
        noun = (
            "method"
            if isinstance(value, (FunctionType, staticmethod, classmethod))
            else "attribute"
        )
        parts.append(Part(f"has {name}", held, noun, name))
    return parts


def _is_pythons(name: str, value: object) -> bool:
    """Whether Python itself put something into a class; a property called `__doc__` is the user's."""
    return name in _NEVER and (not hasattr(type(value), "__get__") or name.startswith("__annotate"))


def _is_generated(name: str, value: object) -> bool:
    """Whether the standard library wrote a method, from fields that count by themselves."""
    function = getattr(value, "__func__", value)
    if not isinstance(function, FunctionType):
        return False
    scope = str(function.__globals__.get("__name__"))
    if scope in _GENERATED_BY or scope.startswith("namedtuple_"):
        return name.startswith("_")
    # dataclasses compiles its methods in the globals of the user's module.
    return function.__code__.co_qualname.startswith("__create_fn__.")


def _describe_enum(cls: EnumType, parts: list[Part]) -> Description:
    members: dict[str, Any] = dict(cls.__members__)
    for name, member in members.items():
        parts.append(Part(f"member {name}", member._value_, "member", name))
        state = {
            k: v
            for k, v in vars(member).items()
            if k not in _MEMBER_STATE and not k.startswith("__")
        }
        for key, value in sorted(state.items()):
            parts.append(Part(f"member {name}.{key}", value, "member", f"{name}.{key}"))
    for name, value in sorted(vars(cls).items()):
        if (
            name in members
            or _is_pythons(name, value)
            or _is_generated(name, value)
            or name in _ENUM_OWN
        ):
            continue
        written = isinstance(
            value, (FunctionType, staticmethod, classmethod, property, DynamicClassAttribute)
        )
        if written or not _is_enums_own(name):
            parts.append(Part(f"has {name}", value, "method" if written else "attribute", name))
    return Description(("enum", cls.__name__, *members), parts, "class")


def _is_enums_own(name: str) -> bool:
    """Whether an attribute is the machinery's of enums: ``_member_map_``, ``__doc__``."""
    return name.startswith("_") and name.endswith("_")


_MEMBER_STATE = frozenset(("_value_", "_name_", "_sort_order_", "_inverted_"))
_ENUM_OWN = frozenset(("__new__", "_new_member_", "__reduce_ex__", "_use_args_", "_boundary_"))


def _subclasses(cls: type) -> list[Part]:
    """Subclasses, where something asks for `__subclasses__`."""
    known: list[type] = type.__subclasses__(cls)
    found = [below for below in known if is_user_module(below.__module__)]
    return [
        Part(f"subclass {below.__name__}", below, "subclass", below.__name__)
        for below in sorted(found, key=lambda below: (below.__name__, below.__qualname__))
    ]


def _registered(cls: type) -> list[Part]:
    """Virtual subclasses, which `isinstance` sees."""
    if not isinstance(cls, abc.ABCMeta) or "_abc_impl" not in vars(cls):
        return []
    # The registry has no other reader than this one, which cloudpickle uses too.
    references = abc._get_dump(cls)[0]  # type: ignore[attr-defined]
    classes = [found for found in (reference() for reference in references) if found is not None]
    return [
        Part(f"registered {found.__name__}", found, "registered", found.__name__)
        for found in sorted(classes, key=lambda found: (found.__name__, found.__qualname__))
    ]


def describe_field(field: Any, context: Context) -> Description:
    """A field of a dataclass, without what Python adds to it."""
    parts = [
        Part(name, getattr(field, name), "attribute", name)
        for name in _FIELD
        if name not in ("metadata",) or field.metadata
    ]
    return Description(("dataclass field", str(field._field_type)), parts)


def describe_descriptor(value: Any, context: Context) -> Description | None:
    """Describe what wraps a function inside a class; None for anything else."""
    parts: list[Part]
    if isinstance(value, (staticmethod, classmethod)):
        kind = "staticmethod" if isinstance(value, staticmethod) else "classmethod"
        parts = [Part("function", value.__func__, "method", "")]
    elif type(value) is property or isinstance(value, DynamicClassAttribute):
        kind = "property"
        named = (("get", value.fget), ("set", value.fset), ("delete", value.fdel))
        parts = [Part(name, part, "property", name) for name, part in named if part is not None]
    elif type(value) is functools.cached_property:
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
    return Description((kind,), parts, "helper")
