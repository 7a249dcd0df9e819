"""Any object as a label and parts: which description fits which type."""

from __future__ import annotations

import copyreg
import dataclasses
import functools
import hashlib
import threading
import types
import typing
from collections.abc import Callable
from enum import Enum
from typing import Any

from dtset.fingerprint import functions
from dtset.fingerprint.arrays import describe_numpy
from dtset.fingerprint.classes import describe_class, describe_descriptor, describe_field
from dtset.fingerprint.code import seen_in_data
from dtset.fingerprint.description import Context, Description, Mark, NoFingerprint, Part
from dtset.fingerprint.frames import describe_frame
from dtset.fingerprint.functions import describe_mark
from dtset.fingerprint.graph import MOST_SHOWN
from dtset.fingerprint.libraries import describe_by_token, describe_library_object, without_caches
from dtset.fingerprint.naming import PYTHONS_GLOBALS, added_to_log, by_name, is_log, sentinel_name
from dtset.fingerprint.origin import Distribution, is_user_module, is_users_class, is_users_module
from dtset.fingerprint.plain import encode_plain, show
from dtset.fingerprint.pruning import Reads
from dtset.fingerprint.resolving import AllGlobals

_C_METHODS = (
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)
_CACHED: type = type(functools.lru_cache(lambda: None))
_SHOWN = frozenset(("builtins", "datetime", "decimal", "fractions", "pathlib", "uuid"))
_GENERATORS = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)


def describe(value: Any, context: Context) -> Description:
    """Describe any object, or raise `NoFingerprint` saying why it cannot be."""
    encoded = encode_plain(value)
    if encoded is not None:
        return Description(("plain",), raw=encoded, shown=show(value), sees=seen_in_data(encoded))
    exact = _EXACT.get(type(value))
    if exact is not None:
        return exact(value, context)
    for attempt in _BY_KIND:
        found = attempt(value, context)
        if found is not None:
            return found
    return _reduced(value, context)


def _sequence(value: Any, context: Context) -> Description:
    if len(value) > MOST_SHOWN and (found := _in_columns(value, context)) is not None:
        return found
    parts = [Part(str(number), part, "", f"[{number}]") for number, part in enumerate(value)]
    return Description((type(value).__name__, len(parts)), parts)


def _in_columns(value: Any, context: Context) -> Description | None:
    """Describe many instances of one class of the user's by their parts, a column of each; None if there are no such columns."""
    first = value[0]
    if len(set(map(type, value))) > 1 or not is_users_class(type(first)) or callable(first):
        return None
    if any(attempt(first, context) is not None for attempt in _BY_KIND):
        return None
    try:
        instances = [_reduced(each, context) for each in value]
    except NoFingerprint:
        # To be said of the one that has none.
        return None
    kinds = {(each.label, *(part.key for part in each.parts)) for each in instances}
    if len(kinds) > 1:
        return None
    parts = []
    for one, *others in zip(*(each.parts for each in instances), strict=True):
        if one.key != "class":
            one.value = [one.value, *(part.value for part in others)]
        parts.append(one)
    return Description((type(value).__name__, len(value), "alike", instances[0].label), parts)


def _mapping(value: Any, context: Context) -> Description:
    parts: list[Part] = []
    for number, (key, part) in enumerate(value.items()):
        parts.append(Part(f"key {number}", key, "key of", f"[{number}]"))
        parts.append(Part(f"value {number}", part, "", f"[{_key_said(key) or number}]"))
    return Description((type(value).__name__, len(value)), parts)


def _key_said(key: object) -> str | None:
    """How a key is written in paths, unless it is long or may be a secret itself."""
    said = show(key)
    return None if said is None or "://" in said else said


def _set(value: Any, context: Context) -> Description:
    parts = [Part("element", part, "element") for part in value]
    return Description((type(value).__name__, len(parts)), parts, unordered=True)


def _module(module: types.ModuleType, context: Context) -> Description:
    """A module of the user's that code may read in any way is all that is in it."""
    if not is_users_module(module):
        return describe_mark(Mark.library(module.__name__, module.__name__))
    own = {
        name: part
        for name, part in vars(module).items()
        if name not in PYTHONS_GLOBALS and not context.ignore & {name, f"{module.__name__}.{name}"}
    }
    parts = [Part(f"has {name}", part, "global", name) for name, part in own.items()]
    label: tuple[Any, ...] = ("module",)
    if Reads.DOCS in context.reads:
        label += (str(module.__doc__),)
    if Reads.NAMES in context.reads:
        label += (module.__name__,)
    return Description(label, parts, "module")


def _all_globals(found: AllGlobals, context: Context) -> Description:
    kept = {name: part for name, part in found.values.items() if name not in context.ignore}
    parts = [Part(f"has {name}", part, "global", name) for name, part in kept.items()]
    return Description(("all globals",), parts)


def _distribution(found: Distribution, context: Context) -> Description:
    return Description(
        ("distribution", found.name, found.version), noun="distribution", shown=found.version
    )


def _identity(value: object, context: Context) -> Description:
    name = sentinel_name(value)
    if name is None:
        raise NoFingerprint("an object() that no module-level name holds has only an identity")
    return describe_mark(Mark("sentinel", name))


def _view(value: Any, context: Context) -> Description:
    digest = hashlib.sha256(value.tobytes() if isinstance(value, memoryview) else value).digest()
    label: tuple[Any, ...] = (type(value).__name__, digest)
    if isinstance(value, memoryview):
        label += (value.format, tuple(value.shape or ()))
    return Description(label)


def _union(value: Any, context: Context) -> Description:
    parts = [Part(str(n), part, "argument", str(n)) for n, part in enumerate(value.__args__)]
    return Description(("union",), parts)


def _method_wrapper(value: Any, context: Context) -> Description:
    part = Part("instance", value.__self__, "instance")
    return Description(("method wrapper", value.__name__), [part], "helper")


def _type_variable(value: Any, context: Context) -> Description:
    """A type variable pickles by its name; what it stands for can be read all the same."""
    kinds = ("__bound__", "__constraints__", "__covariant__", "__contravariant__")
    parts = [Part(k, getattr(value, k), "attribute", k) for k in kinds if hasattr(value, k)]
    return Description(("type variable", type(value).__name__, value.__name__), parts)


def _cell(value: Any, context: Context) -> Description:
    try:
        return Description(("cell",), [Part("content", value.cell_contents, "content")])
    except ValueError:
        return Description(("cell", "unbound"))


_EXACT: dict[type, Callable[[Any, Context], Description]] = {
    types.FunctionType: functions.describe_function,
    types.MethodType: functions.describe_method,
    types.BuiltinFunctionType: functions.describe_builtin,
    types.CodeType: functions.describe_code,
    types.ModuleType: _module,
    types.MappingProxyType: lambda value, context: Description(
        ("mappingproxy",), [Part("content", dict(value), "content")]
    ),
    types.UnionType: _union,
    types.MethodWrapperType: _method_wrapper,
    types.CellType: _cell,
    typing.ForwardRef: lambda value, context: Description(
        ("forward reference", value.__forward_arg__)
    ),
    typing.TypeVar: _type_variable,
    typing.ParamSpec: _type_variable,
    typing.TypeVarTuple: _type_variable,
    dataclasses.Field: describe_field,
    functools.partial: functions.describe_partial,
    _CACHED: functions.describe_cached,
    list: _sequence,
    tuple: _sequence,
    dict: _mapping,
    set: _set,
    frozenset: _set,
    bytearray: _view,
    memoryview: _view,
    object: _identity,
    Mark: lambda mark, context: describe_mark(mark),
    Distribution: _distribution,
    AllGlobals: _all_globals,
}


def _log(value: Any, context: Context) -> Description | None:
    if not is_log(value):
        return None
    # What the user added to it can be read back: a class with methods, attributes, an adapter's extra.
    parts = Part.named(sorted(added_to_log(value).items()), "attribute")
    if is_users_class(type(value)):
        parts.append(Part.of_class(value))
    return Description(("log",), parts)


def _enum_member(value: Any, context: Context) -> Description | None:
    if not isinstance(value, Enum):
        return None
    parts = [Part.of_class(value)]
    if value._name_ is None or value._name_ not in type(value).__members__:
        parts.append(Part("value", value._value_, "value"))
    shown = f"{type(value).__name__}.{value._name_}"
    return Description(("enum member", value._name_), parts, shown=shown)


def _c_method(value: Any, context: Context) -> Description | None:
    if not isinstance(value, _C_METHODS):
        return None
    owner = value.__objclass__
    return Description(
        ("method of", value.__name__), [Part("class", owner, "global", owner.__name__)], "helper"
    )


def _numba(value: Any, context: Context) -> Description | None:
    """A function or ufunc compiled by numba is its Python function, its options and signatures."""
    if not type(value).__module__.startswith("numba."):
        return None
    compiled = value if hasattr(value, "py_func") else getattr(value, "_dispatcher", None)
    function = getattr(compiled, "py_func", None)
    if function is None:
        return None
    parts = [
        Part("function", function, "global", function.__name__),
        Part("options", dict(getattr(compiled, "targetoptions", {})), "options"),
        Part.of_class(value),
    ]
    if compiled is not value:
        # Loops that are compiled as they are needed are a cache; those that the user asked for are not.
        is_fixed = getattr(value, "_frozen", False) and not getattr(value, "is_dynamic", False)
        loops = list(value.types) if is_fixed else []
        said = (loops, getattr(value, "signature", None), getattr(value, "identity", None))
        parts.append(Part("signatures", said, "signatures"))
    return Description(("numba",), parts, "helper")


def _installed_callable(value: Any, context: Context) -> Description | None:
    """Anything callable that an installed module holds under the name it says it has."""
    if not callable(value) or not isinstance(getattr(value, "__module__", None), str):
        return None
    if not isinstance(getattr(value, "__name__", None), str):
        return None
    named = by_name(value)
    if named is not None:
        return describe_mark(named)
    if type(value).__name__ == "cython_function_or_method":
        raise NoFingerprint("a function compiled by Cython in code of your own cannot be seen into")
    return None


def _refused(value: Any, context: Context) -> Description | None:
    if isinstance(value, _GENERATORS):
        raise NoFingerprint(
            "what a generator or coroutine still has to do cannot be told; pass the function"
        )
    if isinstance(value, threading.Thread):
        raise NoFingerprint("a thread has no content")
    return None


def _set_like(value: Any, context: Context) -> Description | None:
    """A subclass of set: its elements in no order, its class, its attributes."""
    if not isinstance(value, (set, frozenset)):
        return None
    parts = [
        Part.of_class(value),
        Part("elements", frozenset(value), "elements"),
        *Part.named(sorted(getattr(value, "__dict__", {}).items()), "attribute"),
    ]
    return Description(("set like",), parts)


_BY_KIND: tuple[Callable[[Any, Context], Description | None], ...] = (
    lambda value, context: describe_class(value, context) if isinstance(value, type) else None,
    _enum_member,
    describe_descriptor,
    _log,
    describe_library_object,
    describe_by_token,
    describe_numpy,
    describe_frame,
    _c_method,
    _numba,
    _installed_callable,
    _refused,
    _set_like,
    lambda value, context: (
        functions.describe_partial(value, context) if isinstance(value, functools.partial) else None
    ),
    lambda value, context: _module(value, context) if isinstance(value, types.ModuleType) else None,
)


_PLACE = frozenset(("__module__", "__qualname__"))


def _reduced(value: Any, context: Context) -> Description:
    """An instance by what pickle would rebuild it from: that is also what workers get."""
    cls = type(value)
    reducer = copyreg.dispatch_table.get(cls)
    try:
        reduced = reducer(value) if reducer is not None else value.__reduce_ex__(4)
    except Exception as error:
        said = f"an object of type {cls.__module__}.{cls.__qualname__}"
        raise NoFingerprint(f"{said} has no content that can be told ({error})") from error
    if isinstance(reduced, str):
        parts = [Part.of_class(value)]
        if is_user_module(str(getattr(value, "__module__", cls.__module__))):
            own = getattr(value, "__dict__", {})
            own = {name: own[name] for name in own if name not in _PLACE}
            parts += _state(value, own, context)
        return Description(("global", reduced), parts)
    make, arguments, state, items, pairs, setter = (*reduced, None, None, None, None)[:6]
    parts = [Part.of_class(value)]
    rest = tuple(arguments)
    if make is getattr(copyreg, "__newobj__", None) and rest[:1] == (cls,):
        rest = rest[1:]
    else:
        parts.append(Part("made by", make, "made by"))
    if rest:
        parts.append(Part("arguments", rest, "arguments", _fields(value)))
    parts += _state(value, state, context)
    if items is not None:
        parts.append(Part("items", list(items), "items"))
    if pairs is not None:
        parts.append(Part("pairs", dict(pairs), "items"))
    if setter is not None:
        parts.append(Part("set by", setter, "set by"))
    return Description(("instance",), parts, shown=_short(value))


def _short(value: object) -> str | None:
    module = type(value).__module__
    if module not in _SHOWN:
        return None
    text = repr(value) if module == "builtins" else str(value)
    return text if len(text) <= 60 else None


def _state(value: Any, state: Any, context: Context) -> list[Part]:
    slots = None
    if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):
        state, slots = state
    parts: list[Part] = []
    for number, named in enumerate((state, slots)):
        if isinstance(named, dict) and all(type(name) is str for name in named):
            named = _unwrapped(without_caches(value, named), context.reads)
            is_seen = Reads.STATE in context.reads or isinstance(value, types.SimpleNamespace)
            pairs = named.items() if is_seen else sorted(named.items())
            kind = "slot" if number else "state"
            parts += [Part(f"{kind} {name}", part, "attribute", name) for name, part in pairs]
        elif named is not None:
            parts.append(Part(f"whole state {number}", named, "state", _fields(value)))
    return parts


def _fields(value: Any) -> str:
    """What people call the parts of a record, among which may be a password."""
    names = getattr(type(value), "_fields", None) or getattr(
        type(value), "__dataclass_fields__", ()
    )
    is_named = isinstance(names, tuple | dict) and all(isinstance(name, str) for name in names)
    return f"({', '.join(names)})" if names and is_named else ""


def _unwrapped(state: dict[str, Any], reads: Reads) -> dict[str, Any]:
    """State without what `functools.update_wrapper` copied to an instance, unless something reads it."""
    if "__wrapped__" not in state:
        return state
    dropped = _PLACE | {name for name, read in _COPIED.items() if read not in reads}
    return {name: part for name, part in state.items() if name not in dropped}


_COPIED = {"__name__": Reads.NAMES, "__doc__": Reads.DOCS, "__annotations__": Reads.ANNOTATIONS}
