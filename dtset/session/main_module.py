"""Programs that tools run as ``__main__`` while ``sys.modules`` has the tool under that name.

What is looked up by module and name, as classes in pickles are, would be looked for in the profiler.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

# The second is what `runpy.run_path` calls a program that was given no name.
_NAMES = ("__main__", "<run_path>")


class _Shown(ModuleType):
    """A module over a namespace that is there already."""

    __slots__ = ("instead_of", "namespace", "users")

    namespace: dict[str, Any]
    instead_of: ModuleType | None
    users: int

    def __init__(self, namespace: dict[str, Any], instead_of: ModuleType | None) -> None:
        # Not ModuleType's own: what that sets would hide what the namespace has.
        for name, value in (("namespace", namespace), ("instead_of", instead_of), ("users", 0)):
            object.__setattr__(self, name, value)

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        return self.namespace

    def __getattr__(self, name: str) -> Any:
        try:
            return self.namespace[name]
        except KeyError:
            raise AttributeError(f"the program that is running has no {name!r}") from None

    def __setattr__(self, name: str, value: object) -> None:
        self.namespace[name] = value

    def __delattr__(self, name: str) -> None:
        if self.namespace.pop(name, self) is self:
            raise AttributeError(f"the program that is running has no {name!r}")

    def use(self, more: int) -> int:
        """Count those that want the module to be found."""
        object.__setattr__(self, "users", self.users + more)
        return self.users


def show_main() -> Callable[[], None]:
    """Let ``sys.modules`` have the namespace of the calling program as ``__main__``; what is returned ends that."""
    namespace = _running()
    if namespace is None:
        return lambda: None
    name = namespace["__name__"]
    there = sys.modules.get(name)
    if getattr(there, "__dict__", None) is not namespace:
        sys.modules[name] = there = _Shown(namespace, there)
    if not isinstance(there, _Shown):
        return lambda: None
    there.use(1)
    return partial(_release, name, there)


def _running() -> dict[str, Any] | None:
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") not in _NAMES:
        frame = frame.f_back  # type: ignore[assignment]
    return None if frame is None else frame.f_globals


def _release(name: str, shown: _Shown) -> None:
    if shown.use(-1) or sys.modules.get(name) is not shown:
        return
    if shown.instead_of is None:
        del sys.modules[name]
    else:
        sys.modules[name] = shown.instead_of
