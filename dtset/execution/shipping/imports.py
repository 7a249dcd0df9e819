"""How shipped functions import: from their own program first, never the user's code from disk."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
from collections import ChainMap
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from dtset.fingerprint.origin import is_user_module


class Imports:
    """The `__import__` of one program, which knows the modules shipped with it.

    These never enter `sys.modules`, so that two programs with different versions of a module run in one process. A
    module of the user's that was not shipped may be last week's: it is not there. Where the program looks modules up
    by itself, it gets stand-ins for `importlib` and, if it reads `sys.modules`, for `sys`.
    """

    def __init__(self, modules: Mapping[str, ModuleType], reads_modules: bool = False) -> None:
        self._modules = modules
        self._installed: set[str] = {"builtins", "sys"}
        lookups = {"import_module": self.import_module, "__import__": self}
        self._stand_ins = {"importlib": _StandIn(importlib, lookups)}
        if reads_modules:
            view = ChainMap(dict(modules), sys.modules)
            self._stand_ins["sys"] = _StandIn(sys, {"modules": view})

    def __call__(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """Import as the `import` statement does."""
        absolute = importlib.util.resolve_name("." * level + name, package_of(globals or {}))
        if absolute in self._modules:
            module = self._modules[absolute]
            if fromlist:
                self._bind_submodules(module, absolute, fromlist)
                return module
            return self._modules.get(absolute.partition(".")[0], module)
        self._check_installed(absolute)
        module = builtins.__import__(absolute, None, None, fromlist or (), 0)
        return self._stand_ins.get(module.__name__, module)

    def module(self, name: str) -> ModuleType:
        """Module of this name itself, also when it is dotted."""
        if name in self._modules:
            return self._modules[name]
        self._check_installed(name)
        return self._stand_ins.get(name) or importlib.import_module(name)

    def import_module(self, name: str, package: str | None = None) -> ModuleType:
        """Import as `importlib.import_module` does."""
        return self.module(importlib.util.resolve_name(name, package))

    def _bind_submodules(self, module: ModuleType, name: str, fromlist: Sequence[str]) -> None:
        for attribute in fromlist:
            if attribute in vars(module):
                continue
            submodule = self._modules.get(f"{name}.{attribute}")
            if submodule is not None:
                setattr(module, attribute, submodule)
            elif not hasattr(module, attribute):
                # The interpreter would go on to look in `sys.modules` by itself.
                raise ImportError(f"cannot import name {attribute!r} from {name!r}", name=name)

    def _check_installed(self, name: str) -> None:
        if name in self._installed:
            return
        if is_user_module(name):
            raise ModuleNotFoundError(
                f"No module named {name!r} in the program that was shipped to this process. dtset "
                f"does not run a worker's own copy of the user's modules, and no function was seen "
                f"importing this one: import it by a constant name, or at the top of the script.",
                name=name,
            )
        self._installed.add(name)


class _StandIn(ModuleType):
    """A module that answers some attributes by itself and passes all else on to another."""

    def __init__(self, module: ModuleType, own: Mapping[str, object]) -> None:
        super().__init__(module.__name__)
        vars(self).update(own, __spec__=module.__spec__, _stands_for=module)

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_stands_for"], name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(vars(self)["_stands_for"], name, value)


def package_of(namespace: Mapping[str, Any]) -> str:
    """Name of the package that relative imports in a namespace start from."""
    package = namespace.get("__package__")
    if isinstance(package, str):
        return package
    name = str(namespace.get("__name__", ""))
    return name if "__path__" in namespace else name.rpartition(".")[0]
