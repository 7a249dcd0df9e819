"""Functions: their code, and the values and helpers that the code reads."""

from __future__ import annotations

import functools
import sys
from dataclasses import replace
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from dtset.fingerprint.code import analyse, seen_by_names
from dtset.fingerprint.description import Context, Description, Mark, NoFingerprint, Part
from dtset.fingerprint.naming import by_name, hidden_instance, module_of
from dtset.fingerprint.origin import is_user_module, is_users_file
from dtset.fingerprint.pruning import Reads
from dtset.fingerprint.references import Reference
from dtset.fingerprint.resolving import EVALUATORS, REACHES_ANYTHING, Scope, all_globals, resolve
from dtset.fingerprint.version import word_of

_OWN_ATTRIBUTES = frozenset(("__dtset_version__", "__final__", "__override__"))
_CACHED_OWN = frozenset(
    (
        "__module__", "__name__", "__qualname__", "__doc__", "__wrapped__", "__annotations__",
        "__type_params__", "cache_parameters",
    )
)  # fmt: skip
_IMPORTERS = ("importlib.import_module", "importlib._bootstrap.__import__")
_DISPATCH = "singledispatch.<locals>.wrapper"
_DISPATCH_OWN = frozenset(
    (*_CACHED_OWN, "register", "dispatch", "registry", "_clear_cache", "__dtset_version__")
)
# What these read hangs on how they are called, or is the class that they make, whose annotations count.
_READ_LITTLE = frozenset(("vars", "dir", "eval", "exec", "NamedTuple", "TypedDict", "dataclass"))
_READERS = frozenset(
    ("builtins", "dataclasses", "functools", "inspect", "pydantic", "pydoc", "sys", "traceback", "typing")
)  # fmt: skip


def describe_function(function: FunctionType, context: Context) -> Description:
    """A function is its code, what the code reads, its defaults, captured values and attributes."""
    module_name = module_of(function)
    if (
        module_name is not None
        and not is_user_module(module_name)
        and not _is_of_another_file(function, module_name)
    ):
        return _describe_installed(function, module_name)
    word = word_of(function)
    code = function.__code__
    analysis = analyse(code, context.reads)
    scope = Scope(
        function.__globals__, _builtins(function), str(function.__globals__.get("__name__"))
    )
    if analysis.observers:
        trusted = filter(lambda name: _is_seen_into(scope, name, context), analysis.observers)
        analysis = analyse(code, context.reads, trusted=frozenset(trusted))
    parts = _held(function, analysis.free)
    if word is not None:
        # With the name and the parameters: one word may stand for the code of many functions.
        parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        versioned = ("versioned", word, function.__name__, *parameters)
        return Description(versioned, parts, "helper", shown=f"version {word!r}")
    for reference in analysis.references:
        value = resolve(reference, scope, context, code)
        if value is not None:
            parts.append(_read(reference, value, scope))
    ordered = Reads.GLOBALS in analysis.sees | context.reads
    if ordered or Reads.OWN_GLOBALS in analysis.sees:
        parts.append(Part("all globals", all_globals(scope, ordered=ordered), "all globals"))
    if Reads.ANNOTATIONS in context.reads:
        parts += Part.named(sorted(function.__annotations__.items()), "annotation")
    label = ("function", analysis.digest, *_visible(function, context.reads))
    return Description(label, parts, "helper", sees=analysis.sees)


def _is_of_another_file(function: FunctionType, module_name: str) -> bool:
    """Whether a function's globals only claim to be those of an installed module."""
    file = function.__globals__.get("__file__")
    module = sys.modules.get(module_name)
    real = getattr(module, "__dict__", {}).get("__file__")
    return isinstance(file, str) and file != real and is_users_file(file)


def _is_seen_into(scope: Scope, name: str, context: Context) -> bool:
    """Whether a global is a function of the user's whose code counts, so that what it reads is known."""
    _, value = scope.lookup(name)
    return (
        isinstance(value, FunctionType)
        and is_user_module(module_of(value) or "builtins")
        and word_of(value) is None
        and not context.ignore
    )


def _read(reference: Reference, value: object, scope: Scope) -> Part:
    text = said = reference.text.rstrip(".")
    if len(reference.chain) > 1 and not reference.module:
        held = scope.names.get(reference.chain[0])
        # Of a value all counts, not the attribute that is taken of it.
        said = text if held is None or isinstance(held, ModuleType) else reference.chain[0]
    if isinstance(value, Mark) and value.kind == "environment":
        return Part(f"reads {text}[{value.text}]", value, "environment variable", value.text)
    return Part(f"reads {text}", value, "global", said)


def _builtins(function: FunctionType) -> dict[str, Any]:
    found: Any = function.__globals__.get("__builtins__", {})
    return vars(found) if isinstance(found, ModuleType) else found


def _visible(function: FunctionType, reads: Reads) -> tuple[Any, ...]:
    seen: list[Any] = []
    if Reads.DOCS in reads:
        seen.append(("doc", str(function.__doc__) if function.__doc__ is not None else None))
    if Reads.NAMES in reads:
        seen.append(("name", function.__name__, function.__qualname__))
    return tuple(seen)


def _held(function: FunctionType, free: tuple[str, ...]) -> list[Part]:
    """What a function holds: defaults, captured values, attributes."""
    own = {name: value for name, value in vars(function).items() if name not in _OWN_ATTRIBUTES}
    attributes = Part.named(sorted(own.items()), "attribute")
    return _defaults(function) + _captured(function, free) + attributes


def _defaults(function: FunctionType) -> list[Part]:
    code = function.__code__
    given = function.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount]
    # More defaults than parameters, as `__defaults__` allows: the last ones are those that count.
    given = given[len(given) - len(names) :] if len(given) > len(names) else given
    named = zip(names[len(names) - len(given) :], given, strict=True)
    parts = [Part(f"default {name}", value, "default", name) for name, value in named]
    for name, value in sorted((function.__kwdefaults__ or {}).items()):
        parts.append(Part(f"default {name}", value, "default", name))
    return parts


def _captured(function: FunctionType, free: tuple[str, ...]) -> list[Part]:
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    parts: list[Part] = []
    for number, name in enumerate(free):
        try:
            value = cells[name].cell_contents
        except ValueError:
            value = Mark("unbound")
        parts.append(Part(f"captured {number}", value, "closure", name))
    return parts


def _describe_installed(function: FunctionType, module_name: str) -> Description:
    """A function of an installed distribution goes by name; a closure made by one, by what it holds too."""
    if function.__code__.co_qualname == _DISPATCH and module_name == "functools":
        registry: dict[type, Any] = dict(function.registry)  # type: ignore[attr-defined]
        pairs = [Part("case", pair, "case", pair[0].__name__) for pair in registry.items()]
        own = {name: value for name, value in vars(function).items() if name not in _DISPATCH_OWN}
        pairs += Part.named(own.items(), "attribute")
        return Description(("singledispatch",), pairs, "helper", unordered=True)
    named = by_name(function, module_name)
    if named is not None:
        if named.text in REACHES_ANYTHING or named.text in _IMPORTERS:
            raise NoFingerprint(
                f"{named.text} reaches modules by names that are only known when it runs"
            )
        return _reader(named, module_name, function.__name__)
    code = function.__code__
    qualified = f"{module_name}.{code.co_qualname}"
    analysis = analyse(code)
    parts = _held(function, analysis.free)
    parts.append(Part("code", Mark.library(module_name, qualified), "global", qualified))
    # One module may hold many lambdas of one name.
    return Description(("closure", qualified, analysis.digest), parts, "helper")


def _reader(mark: Mark, module_name: str, name: str) -> Description:
    """A function of a library that may read docstrings, annotations, names, whatever it is called here."""
    sees = Reads.NOTHING
    if module_name.partition(".")[0] in _READERS and name not in _READ_LITTLE:
        sees = seen_by_names((name,))
    return replace(describe_mark(mark), sees=sees)


def describe_mark(mark: Mark) -> Description:
    """A mark is its text, with the distribution it belongs to."""
    parts = []
    if mark.distribution is not None:
        name = mark.distribution.name
        parts.append(Part("distribution", mark.distribution, "distribution", name))
    noun = mark.kind if mark.kind in ("library", "module") else "value"
    return Description((mark.kind, mark.text, mark.value), parts, noun, shown=mark.shown)


def describe_method(method: MethodType, context: Context) -> Description:
    """A bound method is its function and what it is bound to."""
    hidden = hidden_instance(method.__self__)
    if hidden is not None:
        return describe_mark(Mark.library(hidden, f"{hidden}.{method.__func__.__name__}"))
    parts = [
        Part("function", method.__func__, "method", getattr(method.__func__, "__name__", "")),
        Part("instance", method.__self__, "instance", type(method.__self__).__name__),
    ]
    return Description(("method",), parts, "helper")


def describe_code(code: CodeType, context: Context) -> Description:
    """A bare code object counts by what it does; it has no globals yet."""
    analysis = analyse(code, context.reads)
    return Description(("code", analysis.digest), sees=analysis.sees)


def describe_partial(partial: functools.partial[Any], context: Context) -> Description:
    """A partial is its function and arguments, with its own class where that is derived."""
    parts = [
        Part("function", partial.func, "global", getattr(partial.func, "__name__", "function"))
    ]
    names = partial.func.__code__.co_varnames if isinstance(partial.func, FunctionType) else ()
    for number, value in enumerate(partial.args):
        said = names[number] if number < len(names) else str(number)
        parts.append(Part(f"argument {number}", value, "argument", said))
    parts += Part.named(partial.keywords.items(), "argument")
    if type(partial) is not functools.partial:
        parts.append(Part.of_class(partial))
    parts += Part.named(sorted(vars(partial).items()), "attribute")
    return Description(("partial", len(partial.args)), parts, "helper")


def describe_cached(cached: Any, context: Context) -> Description:
    """An `lru_cache` is what it wraps and how it caches, never what it holds at the moment."""
    named = by_name(cached)
    if named is not None:
        return describe_mark(named)
    parameters = sorted(cached.cache_parameters().items())
    wrapped = cached.__wrapped__
    parts = [Part("function", wrapped, "global", getattr(wrapped, "__name__", "function"))]
    own = {name: value for name, value in vars(cached).items() if name not in _CACHED_OWN}
    parts += Part.named(sorted(own.items()), "attribute")
    return Description(
        ("lru_cache", *(part for pair in parameters for part in pair)), parts, "helper"
    )


def describe_builtin(builtin: BuiltinFunctionType, context: Context) -> Description:
    """A function written in C goes by its name, with what it is bound to."""
    owner = builtin.__self__
    if owner is None or isinstance(owner, ModuleType):
        module_name = builtin.__module__ or getattr(owner, "__name__", None) or "builtins"
        if is_user_module(module_name):
            raise NoFingerprint(
                f"{module_name}.{builtin.__qualname__} is compiled and not of an installed distribution"
            )
        if builtin in EVALUATORS:
            raise NoFingerprint(
                f"{builtin.__name__} as a value may be given any text, so what it reads cannot be told; call it by its name"
            )
        mark = Mark.library(module_name, f"{module_name}.{builtin.__qualname__}")
        return _reader(mark, module_name, builtin.__name__)
    hidden = hidden_instance(owner)
    if hidden is not None:
        return describe_mark(Mark.library(hidden, f"{hidden}.{builtin.__name__}"))
    part = Part("instance", owner, "instance", type(owner).__name__)
    return Description(("builtin method", builtin.__name__), [part], "helper")
