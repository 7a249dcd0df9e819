"""From a name in code to what it stands for when the function runs."""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.util
import logging
import os
import re
import sys
from dataclasses import dataclass, replace
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from dtset.fingerprint.description import Context, Mark, NoFingerprint
from dtset.fingerprint.naming import PYTHONS_GLOBALS, hidden_instance, module_of
from dtset.fingerprint.origin import is_user_module, is_users_module
from dtset.fingerprint.plain import ATOMS, show
from dtset.fingerprint.references import Reference

_logger = logging.getLogger("dtset.fingerprint")
# Holds the code objects, so that their ids stay theirs.
_noted: dict[tuple[int, str], CodeType] = {}

# What a function reads through these is not part of its fingerprint.
_OUTSIDE = frozenset(
    (
        "builtins.open", "builtins.input", "io.open", "os.listdir", "os.scandir", "os.walk", "os.urandom",
        "os.getcwd", "time.time", "time.time_ns", "time.monotonic", "time.perf_counter",
        "time.localtime", "time.gmtime", "uuid.uuid1", "uuid.uuid4", "os.environ", "os.environb", "os.getenvb",
        "os.path.expandvars", "os.path.expanduser",
        "importlib.reload", "pkgutil.get_data", "pkg_resources.iter_entry_points",
    )
)  # fmt: skip
_OUTSIDE_MODULES = (
    "random.",
    "numpy.random.",
    "secrets.",
    "socket.",
    "urllib.request.",
    "requests.",
    "http.client.",
    "glob.",
    "importlib.machinery.",
    "importlib.metadata.",
    "importlib.resources.",
    "importlib.util.spec_from",
    "importlib_metadata.",
    "zipimport.",
)
# Where things say that they are, and where people know them from.
_KNOWN_FROM = (
    ("_frozen_importlib_external.spec_from", "importlib.util.spec_from"),
    ("_frozen_importlib_external.", "importlib.machinery."),
    ("importlib.resources._common.", "importlib.resources."),
    ("posixpath.", "os.path."),
    ("ntpath.", "os.path."),
)
# Modules whose functions and classes may lie outside, or take the names of what they read.
_LOOKED_AT = {"importlib", "datetime"} | {
    name.partition(".")[0]
    for name in (*_OUTSIDE, *_OUTSIDE_MODULES, *(own for own, _ in _KNOWN_FROM))
} - {"builtins"}
# As values, these may be given any text or name.
EVALUATORS = (builtins.eval, builtins.exec, builtins.globals, builtins.__import__)
REACHES_ANYTHING = frozenset(
    (
        "inspect.getmodule",
        "pkgutil.resolve_name",
        "pydoc.locate",
        "runpy.run_module",
        "runpy.run_path",
    )
)
_VALUES = frozenset((*ATOMS, list, tuple, set, frozenset, re.Pattern))
_SHELLS = frozenset(("open", "exit", "quit"))
_CLOCKS = frozenset(("now", "today", "utcnow"))
_ENVIRONMENT_GETTERS = frozenset(("get", "__getitem__", "pop", "setdefault"))


@dataclass(frozen=True, slots=True)
class Scope:
    """Where names are looked up: a function's globals, its builtins, its module."""

    names: dict[str, Any]
    builtins: dict[str, Any]
    module: str

    def lookup(self, name: str) -> tuple[bool, Any]:
        """Whether a name is known, and what it stands for."""
        for names in (self.names, self.builtins):
            if name in names:
                value = names[name]
                return True, _plainly(name, value) if name in _SHELLS else value
        return False, None


@dataclass(frozen=True, slots=True)
class AllGlobals:
    """All globals of a module, for code that reads them by names made at run time."""

    values: dict[str, Any]


def _plainly(name: str, value: Any) -> Any:
    """What a name stands for outside of IPython, which has an `open`, `exit` and `quit` of its own."""
    module_name = module_of(value) or type(value).__module__
    if module_name.partition(".")[0] not in ("IPython", "ipykernel", "_sitebuiltins"):
        return value
    return builtins.open if name == "open" else Mark.library("builtins", f"builtins.{name}")


def resolve(reference: Reference, scope: Scope, context: Context, code: CodeType) -> object:
    """Find the value of a reference, or a mark that stands for it; None if it does not count."""
    if context.ignore and _is_ignored(reference, scope, context):
        return None
    if reference.key.startswith("@"):
        value = scope.lookup(reference.key[1:])[1]
        reference = replace(reference, key=repr(value) if type(value) is str else "")
    chain = reference.chain
    if reference.getter in scope.names:
        # The user's own `getattr` may do anything with the module.
        chain = chain[:-1]
    if reference.module or reference.level:
        base = _imported(reference, scope, code)
        if isinstance(base, Mark):
            return base
    else:
        name, chain = chain[0], chain[1:]
        if name == "__name__" and _names_logger(code):
            return None
        known, base = scope.lookup(name)
        if not known:
            return None if reference.optional else Mark("missing", name)
        if _counts_whole(base):
            return base
    found = _attribute(base, chain, reference, context, code)
    dynamic = _dynamic(found, reference, scope, code)
    return found if dynamic is None else dynamic


def _counts_whole(base: object) -> bool:
    """Whether no more is to be found out about a global than its value: a short cut for most."""
    kind = type(base)
    if kind in _VALUES:
        return True
    if kind is not FunctionType and kind is not type:
        return False
    module_name = base.__module__
    return isinstance(module_name, str) and module_name.partition(".")[0] not in _LOOKED_AT


def _is_ignored(reference: Reference, scope: Scope, context: Context) -> bool:
    text = reference.text.rstrip(".")
    return bool(
        context.ignore
        & {text, reference.chain[0] if reference.chain else text, f"{scope.module}.{text}"}
    )


def _names_logger(code: CodeType) -> bool:
    """Whether code reads `__name__` to name a logger only."""
    return "getLogger" in code.co_names and "__main__" not in code.co_consts


def _dynamic(base: object, reference: Reference, scope: Scope, code: CodeType) -> object:
    """What `eval`, `exec`, `globals` and imports by a name made at run time can reach."""
    if base is builtins.eval or base is builtins.exec:
        return _constant_source(reference.key, scope) or all_globals(scope)
    if base is builtins.globals:
        return all_globals(scope, ordered=True)
    if base is builtins.__import__:
        return _named_import(reference, scope, code)
    return None


def _constant_source(key: str, scope: Scope) -> FunctionType | None:
    """Make source text that is a constant of the code into a function that reads the same globals."""
    if not key:
        return None
    try:
        return FunctionType(compile(_unquoted(key), "<eval>", "exec"), scope.names)
    except (SyntaxError, ValueError):
        return None


def _unquoted(key: str) -> str:
    return str(ast.literal_eval(key))


def all_globals(scope: Scope, *, ordered: bool = False) -> AllGlobals:
    """Take all globals but Python's own, `ordered` by definition where code may loop over them."""
    names = [name for name in scope.names if name not in PYTHONS_GLOBALS]
    return AllGlobals({name: scope.names[name] for name in (names if ordered else sorted(names))})


def _named_import(reference: Reference, scope: Scope, code: CodeType) -> object:
    if not reference.key:
        raise NoFingerprint(
            f"{reference.text} imports a module by a name that is only known when it runs, so its code cannot be told"
        )
    name = _unquoted(reference.key)
    if name.startswith("."):
        raise NoFingerprint(
            f"{reference.text} imports {name!r} relative to a package that is only known when it runs; write the whole name"
        )
    found = _imported(Reference(name), scope, code)
    if isinstance(found, ModuleType) and not is_users_module(found):
        return Mark.library(found.__name__, found.__name__)
    return found


def _imported(reference: Reference, scope: Scope, code: CodeType) -> Any:
    """Module of an import statement; only the user's own are imported for this."""
    name = reference.module
    if reference.level:
        package = str(scope.names.get("__package__") or scope.module.rpartition(".")[0])
        try:
            name = importlib.util.resolve_name("." * reference.level + name, package)
        except ImportError:
            return Mark("missing", reference.text)
    if name in sys.modules:
        return sys.modules[name]
    if not is_user_module(name):
        _note_outside(".".join((name, *reference.chain)), code)
        return Mark.library(name, name)
    return _import_users(name)


def _import_users(name: str) -> Any:
    try:
        if importlib.util.find_spec(name) is None:
            return Mark("missing", name)
    except ModuleNotFoundError:
        return Mark("missing", name)
    except Exception as error:
        raise NoFingerprint(f"module {name} cannot be found: {error!r}") from error
    try:
        return importlib.import_module(name)
    except ImportError as error:
        # What it needs is not installed, for which programs often have another way.
        return Mark("cannot be imported", name, value=str(error.name))
    except Exception as error:
        raise NoFingerprint(f"importing module {name} raised {error!r}") from error


def _attribute(
    base: Any, chain: tuple[str, ...], reference: Reference, context: Context, code: CodeType
) -> object:
    """Take attributes of modules for as long as they are modules; what comes then counts whole."""
    root = ""
    while isinstance(base, ModuleType) and chain:
        # What is taken from an installed module goes by that module, the attributes being names in
        # the code: so it makes no difference which other modules are imported already.
        if not root and not is_users_module(base):
            root = base.__name__
        attribute, chain = chain[0], chain[1:]
        if attribute == "":
            return Mark.library(root, root) if root else Mark("module")
        if context.ignore and f"{base.__name__}.{attribute}" in context.ignore:
            return None
        found = _own_attribute(base, attribute, root)
        if found is base:
            break
        if isinstance(found, Mark):
            _note_outside(f"{base.__name__}.{attribute}", code)
            return found
        if root and found is not os.environ:
            _note_outside(f"{base.__name__}.{attribute}", code)
        base = found
    if isinstance(base, ModuleType):
        return (
            base
            if is_users_module(base)
            else Mark.library(root or base.__name__, root or base.__name__)
        )
    return _value(base, chain, reference, code, root)


def _own_attribute(module: ModuleType, name: str, root: str) -> Any:
    own = vars(module)
    if name in own:
        return own[name]
    if not root and hasattr(type(module), name):
        # `__dict__` and the like: whatever is in the module may be taken from there.
        return module
    below = f"{module.__name__}.{name}"
    if below in sys.modules:
        return sys.modules[below]
    if root:
        return Mark.library(root, root)
    if "__path__" in own:
        found = _import_users(below)
        if not isinstance(found, Mark):
            return found
    return own.get("__getattr__", Mark("missing", name))


def _value(
    base: Any, chain: tuple[str, ...], reference: Reference, code: CodeType, root: str
) -> object:
    """Tell what a name stands for; `root` is the installed module it was taken from, if it was."""
    if base is os.environ or base is os.getenv:
        direct = base is os.getenv or not chain or chain[0] in _ENVIRONMENT_GETTERS
        if reference.key and direct:
            return _environment(_unquoted(reference.key))
        _note_outside("os.environ", code)
        return Mark.library("os", "os.environ")
    if isinstance(base, BuiltinFunctionType) and base in EVALUATORS:
        return base
    if isinstance(base, FunctionType) and f"{base.__module__}.{base.__name__}" in REACHES_ANYTHING:
        raise NoFingerprint(
            f"{reference.text} reaches modules by names that are only known when it runs"
        )
    if base is importlib.import_module or base is importlib.__import__ or base is sys.modules:
        if chain[-1:] == ("",):
            # An import statement, of which the uses are followed.
            return Mark.library(root or "importlib", root or "importlib")
        return _named_import(reference, Scope({}, {}, ""), code)
    for name in sorted(_names_of(base, chain)):
        _note_outside(name, code)
    if root and base is not sys.argv and not _is_users(base):
        return Mark.library(root, root)
    return base


def _is_users(base: object) -> bool:
    """Whether a function or class is the user's although an installed module holds it."""
    module_name = module_of(base) if isinstance(base, (FunctionType, type)) else None
    return module_name is not None and is_user_module(module_name)


def _names_of(base: Any, chain: tuple[str, ...]) -> set[str]:
    """Names under which something may be known to lie outside of what fingerprints cover."""
    if not isinstance(base, (BuiltinFunctionType, FunctionType, MethodType, type)):
        return set()
    name = getattr(base, "__name__", "")
    names = {f"{base.__module__}.{name}"}
    owner = getattr(base, "__self__", None)
    if owner is not None and (hidden := hidden_instance(owner)) is not None:
        names.add(f"{hidden}.{name}")
    if chain and chain[0] in _CLOCKS and names & {"datetime.datetime", "datetime.date"}:
        names.add("time.time")
    return names


def _environment(name: str) -> Mark:
    value = os.environ.get(name)
    shown = "not set" if value is None else show(value)
    return Mark("environment", name, None, shown, "unset" if value is None else f"={value}")


def _note_outside(qualified: str, code: CodeType) -> None:
    """Say once per function that it reads something that no fingerprint covers."""
    for own, public in _KNOWN_FROM:
        if qualified.startswith(own):
            qualified = public + qualified.removeprefix(own)
    key = (id(code), qualified)
    is_outside = qualified in _OUTSIDE or qualified.startswith(_OUTSIDE_MODULES)
    if not is_outside or key in _noted:
        return
    _noted[key] = code
    _logger.warning(
        "%s uses %s: what it reads that way is not part of its fingerprint, so a change of it goes unseen, "
        "but for files that depends_on= of the operator names. Name files there, give what else it depends on as a parameter or through config=; "
        "take random numbers from ctx.random.",
        code.co_qualname,
        # `io.open` is what the builtin says of itself.
        "open" if qualified == "io.open" else qualified.removeprefix("builtins."),
    )
