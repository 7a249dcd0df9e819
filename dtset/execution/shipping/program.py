"""Receiving a shipment: the program it holds, loaded once per process."""

from __future__ import annotations

import gc
import os
import socket
import sys
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from multiprocessing.reduction import ForkingPickler
from operator import attrgetter
from threading import Lock
from types import FunctionType, ModuleType
from typing import Any

from dtset.errors import CodeMismatchError
from dtset.execution.shipping.shipment import Shipment, load
from dtset.fingerprint.origin import is_user_module
from dtset.storage.pickling import present_class

_KEPT = 8


@dataclass
class Program:
    """The objects of one shipment, with copies of the user's modules that are theirs alone."""

    objects: Mapping[str, Any]
    _modules: Mapping[str, ModuleType] = field(repr=False)
    _classes: Mapping[tuple[str, str], Mapping[type, bool]] = field(repr=False)
    _spaces: Sequence[ModuleType] = field(repr=False)

    def resolve(self, module: str, qualname: str) -> object:
        """Find what a pickle refers to by name: the shipment's own class or function."""
        found = self._shipped(module, qualname)
        if found is not None:
            return found
        if module in self._modules or is_user_module(module):
            raise CodeMismatchError(
                f"{module}.{qualname} is the user's and did not travel to {_here()}. If the program "
                f"still defines it, it must be listed among the classes that stored data refer to."
            )
        try:
            return present_class(module, qualname)
        except AttributeError as error:
            raise CodeMismatchError(
                f"{module}.{qualname} is not on {_here()}: {error}. "
                f"Install on the workers what the driver has installed."
            ) from error

    def findable(self, module: str, qualname: str) -> object:
        """Find what a name refers to here, as `resolve` does, if the driver finds something by it, too."""
        found = self.resolve(module, qualname)
        classes = self._classes.get((module, qualname), {})
        if any(cls is found and not is_present for cls, is_present in classes.items()):
            raise CodeMismatchError(
                f"{module}.{qualname} is not where its name says: give the class, or namedtuple(), the name "
                "that its module has it under"
            )
        return found

    def path_to(self, obj: type | FunctionType) -> tuple[int, str] | None:
        """Say where in the program a function or class is: the number of its namespace, and its name there."""
        for number, space in enumerate(self._spaces):
            if vars(space).get("__name__") == obj.__module__:
                with suppress(AttributeError):
                    if attrgetter(obj.__qualname__)(space) is obj:
                        return number, obj.__qualname__
        return None

    def at(self, number: int, qualname: str) -> object:
        """Find what is at a path."""
        return attrgetter(qualname)(self._spaces[number])

    def _shipped(self, module: str, qualname: str) -> object:
        if module in self._modules:
            try:
                return attrgetter(qualname)(self._modules[module])
            except AttributeError:
                pass
        classes = self._classes.get((module, qualname), {})
        present = [cls for cls, is_present in classes.items() if is_present] or list(classes)
        if len(present) > 1:
            raise CodeMismatchError(
                f"{len(present)} classes of the program are called {module}.{qualname}, so that "
                f"stored data cannot tell which they mean. Give them different names."
            )
        return present[0] if present else None


def receive(shipment: Shipment, action: str = "") -> Program:
    """Load a shipment, or return its program if this action has loaded it here: globals are not shared between actions."""
    differences = _differences(shipment.python, tuple(shipment.distributions.items()))
    if differences:
        raise CodeMismatchError(
            f"{_here()} cannot run what the driver fingerprinted: {'; '.join(differences)}. "
            f"Give the workers the driver's environment, and start them again."
        )
    slot = _slot(shipment, action)
    with slot.lock:
        if slot.program is None:
            slot.program = _load(shipment)
            _let_children_find()
        return slot.program


@dataclass(eq=False)
class _Slot:
    shipment: Shipment
    action: str
    lock: Lock = field(default_factory=Lock)
    program: Program | None = None


_SLOTS: OrderedDict[tuple[str, str], _Slot] = OrderedDict()
_SLOTS_LOCK = Lock()


def _slot(shipment: Shipment, action: str) -> _Slot:
    name = (action, shipment.digest)
    with _SLOTS_LOCK:
        slot = _SLOTS.setdefault(name, _Slot(shipment, action))
        _SLOTS.move_to_end(name)
        while len(_SLOTS) > _KEPT:
            _SLOTS.popitem(last=False)
        return slot


def _let_children_find() -> None:
    """Let ``multiprocessing`` pickle shipped functions and classes for processes that user functions start.

    It does so by reference to a module, which such a process does not have. The program that was shipped here
    goes along instead; a fork has it already.
    """
    if "reducer_override" not in vars(ForkingPickler):
        ForkingPickler.reducer_override = lambda _, obj: _reference(obj)  # type: ignore[method-assign]


def _reference(obj: object) -> Any:
    """What finds a shipped function or class in another process; nothing for what is not one."""
    if isinstance(obj, type | FunctionType):
        for slot in tuple(_SLOTS.values()):
            path = slot.program and slot.program.path_to(obj)
            if path:
                return _found_again, (slot.shipment, slot.action, *path)
    return NotImplemented


def _found_again(shipment: Shipment, action: str, number: int, qualname: str) -> object:
    """Find a function or class of a program, which is loaded if this process does not have it."""
    return receive(shipment, action).at(number, qualname)


def _load(shipment: Shipment) -> Program:
    try:
        loader = load(shipment.data)
    except Exception as error:
        error.add_note(f"while loading the program that was shipped to {_here()}")
        raise
    if loader.made > sum(map(len, loader.classes.values())):
        # Classes in a cycle were built twice; the spare ones must not show as subclasses.
        gc.collect()
    return Program(loader.objects, loader.modules, loader.classes, loader.spaces)


@lru_cache(maxsize=64)
def _differences(python: tuple[int, int], needed: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    found = []
    if python != sys.version_info[:2]:
        here = ".".join(map(str, sys.version_info[:2]))
        found.append(f"Python is {here} here, {python[0]}.{python[1]} on the driver")
    for name, version in needed:
        installed = _version(name)
        if installed != version:
            here = "not installed" if installed is None else installed
            found.append(f"{name} is {here} here, {version} on the driver")
    return tuple(found)


def _version(name: str) -> str | None:
    if name == "python":
        return ".".join(map(str, sys.version_info[:2]))
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _here() -> str:
    return f"the process {os.getpid()} on {socket.gethostname()}"
