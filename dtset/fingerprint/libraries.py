"""Objects of other libraries whose pickled form is no measure of what they are.

They keep what is no content: caches, numbers of the process, what was generated from parts that count themselves.
"""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Callable
from dataclasses import replace
from types import FunctionType
from typing import Any

from dtset.fingerprint.description import Context, Description, Mark, NoFingerprint, Part
from dtset.fingerprint.functions import describe_mark
from dtset.fingerprint.naming import hidden_instance
from dtset.fingerprint.origin import is_user_module
from dtset.fingerprint.pruning import Reads

# By the top-level module of a class: attributes that fill, or differ, without the object being another.
_CACHES = {
    "jinja2": ("cache",),
    "json": ("scan_once",),
    "numpy": ("_ufunc",),
    "pandas": ("_cache",),
    "pydantic": ("cls_ref",),
    "sklearn": ("_stop_words_id", "_n_threads", "n_threads"),
    "tenacity": ("statistics",),
}  # fmt: skip
# Classes generated at run time from fields that count by themselves.
_GENERATED_FILES = ("<attrs generated",)
_PYDANTIC = ("__pydantic_", "__signature__", "__class_vars__", "_abc_impl")
_PYDANTIC_COUNTS = {f"__pydantic_{name}__" for name in ("fields", "computed_fields", "decorators")}
# Dask's own handlers pickle what they do not know, and sort dicts and sets by `str`.
_TOO_LOOSE = ("dask.", "tlz", "toolz", "cytoolz", "functools")
_described = functools.partial(Description.of, "library object", "attribute")


def describe_library_object(value: Any, context: Context) -> Description | None:
    """Describe an object of a library whose state says too much or too little; None for any other."""
    cls = type(value)
    hidden = hidden_instance(value)
    if hidden is not None:
        return describe_mark(Mark("library", hidden))
    stream = _stream(value)
    if stream is not None:
        return describe_mark(Mark("library", stream))
    describe = _DESCRIBED.get(f"{cls.__module__}.{cls.__qualname__}")
    if describe is not None:
        return describe(value)
    reason = _REFUSED.get(f"{cls.__module__}.{cls.__qualname__}")
    if reason is not None:
        raise NoFingerprint(reason)
    if _is_fsspec(value):
        return _described(value, arguments=value.storage_args, options=dict(value.storage_options))
    if cls.__module__.partition(".")[0] == "polars" and hasattr(value, "__getstate__"):
        _refuse_opaque(value)
    return None


def _stream(value: Any) -> str | None:
    for name in ("stdin", "stdout", "stderr"):
        if value is getattr(sys, name, None) or value is getattr(sys, f"__{name}__", None):
            return f"sys.{name}"
    return None


def _is_fsspec(value: Any) -> bool:
    spec = sys.modules.get("fsspec.spec")
    return spec is not None and isinstance(value, spec.AbstractFileSystem)


def _refuse_opaque(value: Any) -> None:
    """A polars expression holds Python functions pickled, in bytes that cannot be seen into."""
    state = value.__getstate__()
    if isinstance(state, bytes) and b"PLPYUDF" in state:
        raise NoFingerprint("a polars expression that calls a Python function cannot be seen into")


def _views(value: Any) -> Description:
    return _described(value, elements=list(value))


def _of(*names: str) -> Callable[[Any], Description]:
    """Describe by attributes of these names."""
    return lambda value: _described(value, **{name: getattr(value, name) for name in names})


def _dialect(value: Any) -> Description:
    return _of(*(name for name in dir(value) if not name.startswith("_")))(value)


# A tree's nodes hold addresses when they are pickled; which points each has is what it is.
_kd_tree = _of("data", "indices", "leafsize", "boxsize")
_curry = _of("func", "args", "keywords")


def _validate_call(value: Any) -> Description:
    config = value.config_wrapper.config_dict
    found = _described(
        value, function=value.function, validate_return=value.validate_return, config=config
    )
    return replace(found, sees=Reads.ANNOTATIONS)


def _entry_point(value: Any) -> Description:
    """What an entry point loads, if it is of an installed distribution, goes by that."""
    if is_user_module(value.module):
        raise NoFingerprint(
            f"it loads {value.value!r}, which is code of your own that no fingerprint sees; load it at the top of the program"
        )
    said = (value.name, value.value, value.group)
    return _described(value, said=said, loads=Mark.library(value.module, value.value))


_DESCRIBED: dict[str, Callable[[Any], Description]] = {
    "builtins.dict_keys": _views,
    "builtins.dict_values": _views,
    "builtins.dict_items": _views,
    "_struct.Struct": _of("format"),
    # It keeps its function where only the garbage collector sees it.
    "functools.KeyWrapper": lambda value: _described(value, function=gc.get_referents(value)),
    "_csv.Dialect": _dialect,
    "contextlib._GeneratorContextManager": lambda value: _described(
        value, func=value.func, args=value.args, keywords=value.kwds
    ),
    "scipy.spatial._ckdtree.cKDTree": _kd_tree,
    "scipy.spatial._kdtree.KDTree": _kd_tree,
    "importlib.metadata.EntryPoint": _entry_point,
    "toolz.functoolz.curry": _curry,
    "cytoolz.functoolz.curry": _curry,
    "pydantic._internal._validate_call.ValidateCallWrapper": _validate_call,
    "pydantic.type_adapter.TypeAdapter": lambda value: _described(
        value, type=value._type, config=value._config
    ),
}
_LAZY = "it is a lazy or remote object of Dask's: pass the function or the data themselves, or compute it first"
_LOADER = "it loads code from a file when it is asked, which no fingerprint sees; load the module at the top of the program"
_REFUSED = {
    **{
        f"_frozen_importlib_external.{name}": _LOADER
        for name in ("SourceFileLoader", "SourcelessFileLoader", "ExtensionFileLoader")
    },
    "zipimport.zipimporter": _LOADER,
    "asyncio.locks.Lock": "a lock has no content",
    "asyncio.locks.Event": "an event has no content",
    "asyncio.locks.Condition": "a condition has no content",
    "asyncio.locks.Semaphore": "a semaphore has no content",
    "asyncio.queues.Queue": "what a queue holds is taken from it",
    "ctypes.CDLL": "a loaded library is an address of this process",
    "ctypes.PyDLL": "a loaded library is an address of this process",
    "weakref.finalize": "a finalizer has no content",
    "weakref.ProxyType": "a weak reference has no content of its own",
    "dask.delayed.Delayed": _LAZY,
    "dask.delayed.DelayedLeaf": _LAZY,
    "dask.delayed.DelayedAttr": _LAZY,
    "dask.bag.core.Bag": _LAZY,
    "dask.bag.core.Item": _LAZY,
    "dask.utils.SerializableLock": "a lock has no content",
    "distributed.client.Future": _LAZY,
}


def without_caches(value: Any, state: dict[str, Any]) -> dict[str, Any]:
    """State of an instance, without what its library only caches there."""
    cls = type(value)
    kept = dict(state)
    for base in cls.__mro__:
        module = base.__module__
        if is_user_module(module):
            # A user may assign to a cached property of theirs, so that it counts.
            continue
        for name in _CACHES.get(module.partition(".")[0], ()):
            kept.pop(name, None)
        for name, held in vars(base).items():
            if name in kept and isinstance(held, functools.cached_property):
                del kept[name]
    return kept


def is_generated_elsewhere(cls: type, name: str, value: object) -> bool:
    """Whether a library made an attribute of a user's class from fields that count by themselves."""
    own = vars(cls)
    if "__pydantic_core_schema__" in own and name.startswith(_PYDANTIC):
        return name not in _PYDANTIC_COUNTS
    if "__attrs_attrs__" in own and isinstance(value, FunctionType):
        return value.__code__.co_filename.startswith(_GENERATED_FILES)
    return False


def describe_by_token(value: Any, context: Context) -> Description | None:
    """Describe an object by the token that its type defines for Dask, or a handler registered for it; else None."""
    cls = type(value)
    if getattr(cls, "__dask_tokenize__", None) is not None:
        token = value.__dask_tokenize__()
    elif (handler := _registered(cls)) is not None:
        token = handler(value)
    else:
        return None
    return Description(("token",), [Part.of_class(value), Part("token", token, "token")])


def _registered(cls: type) -> Any:
    """Handler that a library or the user registered for a type, not one of Dask's own."""
    # Without Dask's module loaded nobody can have registered anything.
    module = sys.modules.get("dask.tokenize") or sys.modules.get("dask.base")
    if module is None:
        return None
    handler = module.normalize_token.dispatch(cls)
    written = str(getattr(handler, "__module__", ""))
    return None if written.startswith(_TOO_LOOSE) else handler
