"""Which objects go by their name: those that installed distributions define."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from dtset.fingerprint.description import Mark
from dtset.fingerprint.origin import is_user_module

_LOGGER_STATE = frozenset(
    (*vars(logging.Logger("a")), "manager", "parent", "root", "_cache", "handlers", "filters")
)

# What Python itself puts into a module's globals.
PYTHONS_GLOBALS = frozenset(
    (
        "__annotations__", "__builtins__", "__cached__", "__doc__", "__file__", "__loader__", "__name__",
        "__package__", "__path__", "__spec__", "__warningregistry__", "__conditional_annotations__",
        "__annotate__", "__dtset_version__",
    )
)  # fmt: skip


def module_of(obj: Any) -> str | None:
    """Name of the module in which a function or class was written."""
    scope = getattr(obj, "__globals__", None)
    # functools.wraps copies `__module__`; the globals are those of the code.
    name = scope.get("__name__") if isinstance(scope, dict) else getattr(obj, "__module__", None)
    return name if isinstance(name, str) else None


def place_of(obj: Any) -> str:
    """Where people look for a function or class: its module, for a script the file's name, and its name."""
    module_name, name = module_of(obj), getattr(obj, "__qualname__", "")
    if module_name in ("__main__", "__mp_main__"):
        file = getattr(sys.modules.get(module_name), "__file__", None)
        module_name = Path(file).stem if isinstance(file, str) else None
    # A function made by another one: its own name says most.
    name = str(name).rpartition("<locals>.")[2]
    return f"{module_name}.{name}" if module_name else name


def by_name(obj: Any, module_name: str | None = None) -> Mark | None:
    """Mark an object by its name if looking that up in an installed module gives the object back."""
    module_name = module_name or module_of(obj)
    if module_name is None or is_user_module(module_name):
        return None
    qualified = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
    module = sys.modules.get(module_name)
    if not isinstance(qualified, str) or module is None:
        return None
    found: Any = module
    for part in qualified.split("."):
        found = getattr(found, part, None)
    if found is obj or (found is not None and getattr(found, "__func__", None) is obj):
        return Mark.library(module_name, f"{module_name}.{qualified}")
    return None


def is_log(obj: object) -> bool:
    """Whether an object only takes what is written to a log."""
    return isinstance(obj, (logging.Logger, logging.LoggerAdapter, logging.Handler))


def added_to_log(obj: object) -> dict[str, object]:
    """What a logger, adapter or handler holds that the standard library did not put there."""
    state = getattr(obj, "__dict__", {})
    if isinstance(obj, logging.LoggerAdapter):
        return {
            name: value for name, value in state.items() if value is not None and name != "manager"
        }
    if isinstance(obj, logging.Logger):
        return {name: value for name, value in state.items() if name not in _LOGGER_STATE}
    return {}


def sentinel_name(obj: object) -> str | None:
    """Name, in the user's modules, of an object that has only an identity."""
    names: list[str] = []
    for module_name, module in list(sys.modules.items()):
        if not isinstance(module, ModuleType) or not is_user_module(module_name):
            continue
        for name, value in list(vars(module).items()):
            if value is obj:
                names.append(name)
            elif isinstance(value, type):
                names += [f"{name}.{own}" for own, part in list(vars(value).items()) if part is obj]
    return min(names, default=None)


def hidden_instance(obj: object) -> str | None:
    """Module whose functions are methods of `obj`, a generator that changes whenever one is called."""
    if isinstance(obj, ModuleType):
        return None
    for module_name, holder, name in _HIDDEN:
        module = sys.modules.get(holder)
        if module is not None and getattr(module, name, None) is obj:
            return module_name
    return None


_HIDDEN = (
    ("random", "random", "_inst"),
    ("secrets", "secrets", "_sysrand"),
    ("numpy.random", "numpy.random.mtrand", "_rand"),
)
