"""The pickler that takes the user's code by value and everything installed by reference."""

from __future__ import annotations

import enum
import io
import marshal
import sys
import types
from collections import ChainMap
from collections.abc import Callable
from operator import attrgetter
from typing import Any, ClassVar, NoReturn

import cloudpickle

from dtset.errors import CodeMismatchError
from dtset.execution.shipping import loading, wrappers
from dtset.execution.shipping.classes import reduce_class, reduce_enum_member
from dtset.execution.shipping.functions import Cell, Reduced, reduce_cell, reduce_function
from dtset.execution.shipping.survey import Binding, Path, Space, Survey
from dtset.fingerprint.origin import HEAP_TYPE

_TYPE_NAMES = {kind: name for name, kind in vars(types).items() if type(kind) is type}
_MISSING = object()


class Named:
    """One of the objects to be shipped, under its key."""

    __slots__ = ("key", "value")

    def __init__(self, key: str, value: object) -> None:
        self.key = key
        self.value = value

    @property
    def path(self) -> Path:
        """Start of the paths in messages."""
        # What tells it from others of its name says nothing to whoever reads it.
        name, _, _ = self.key.partition("#")
        if not isinstance(self.value, types.FunctionType):
            return (name,)
        return (name, f"function {self.value.__qualname__}")


class _Begin:
    """Written before a value, so that an error while it is put together can say of what."""

    __slots__ = ("name", "space")

    def __init__(self, space: Space | None, name: str) -> None:
        self.space = space
        self.name = name

    def __reduce__(self) -> Reduced:
        return loading.begin, (self.space, self.name)


def _refuse_file(file: io.TextIOWrapper) -> Reduced:
    for name in ("stdout", "stderr", "stdin"):
        if file is getattr(sys, name):
            return getattr, (sys, name)
    raise TypeError(f"cannot send the open file {getattr(file, 'name', '')!r}")


class ByValuePickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles one shipment; may dump several objects that share what they refer to.

    Functions come without their globals, which the survey lists and the caller dumps as bindings: so nothing recurses
    along a chain of calls. Of cloudpickle, only its table of reducers is used: it tracks classes for the whole process.
    """

    dispatch_table: ClassVar[Any] = ChainMap(
        {io.TextIOWrapper: _refuse_file}, cloudpickle.Pickler.dispatch_table
    )

    def __init__(
        self, file: Any, survey: Survey, buffer_callback: Callable[[Any], object] | None = None
    ) -> None:
        super().__init__(file, protocol=5, buffer_callback=buffer_callback)
        self._survey = survey
        self._cells: dict[int, Cell] = {}
        self._by_value: dict[type, bool] = {}
        self.classes: dict[type, None] = {}
        self.path: Path = ()
        self._instances: dict[type, None] = {}

    def reducer_override(self, obj: Any) -> Any:
        """Choose how an object travels."""
        kind = type(obj)
        if kind is types.FunctionType:
            return self._function(obj)
        if issubclass(kind, type):
            return self._class(obj)
        if issubclass(kind, types.ModuleType):
            return self._survey.escaped(obj, self.path).__reduce__()
        if kind is Binding:
            return self._binding(obj)
        if kind is Named:
            self.path = obj.path
            return loading.place, (_Begin(None, " → ".join(obj.path)), obj.key, obj.value)
        if kind is types.CodeType:
            # cloudpickle forgets which file code is from, which tracebacks name. Version 2 has no marks of
            # what is shared, which differ from time to time.
            return marshal.loads, (marshal.dumps(obj, 2),)
        if kind is types.CellType:
            return reduce_cell(obj, self._cells)
        reducer = wrappers.REDUCERS.get(kind)
        if reducer is not None:
            if self._is_installed(obj):
                return NotImplemented
            self._keep_name(obj)
            return reducer(obj)
        if self._is_by_value(kind):
            return self._instance(obj, kind)
        return NotImplemented

    def _function(self, function: types.FunctionType) -> Any:
        if self._is_installed(function):
            return NotImplemented
        self._keep_name(function)
        if wrappers.is_dispatcher(function):
            return wrappers.reduce_dispatcher(function)
        self._survey.function(function, self.path)
        return reduce_function(function, self._survey.home(function.__globals__), self._cells)

    def _keep_name(self, obj: Any) -> None:
        """Let a function that travels as a value be found under its name, by which data refer to it."""
        module, name = getattr(obj, "__module__", None), getattr(obj, "__qualname__", None)
        if isinstance(module, str) and isinstance(name, str) and _lookup(module, name) is obj:
            self._survey.want(module, name, self.path)

    def _class(self, cls: Any) -> Any:
        if not self._is_by_value(cls):
            name = _TYPE_NAMES.get(cls)
            return NotImplemented if name is None else (getattr, (types, name))
        self.classes[cls] = None
        return reduce_class(cls, _lookup(cls.__module__, cls.__qualname__) is cls)

    def _binding(self, binding: Binding) -> Reduced:
        self.path = binding.path
        self._instances = self._survey.instances.setdefault(binding.key, {})
        value = binding.value
        if binding.absent is not None:
            return _leave_out, (binding.space, binding.name, binding.space.name, binding.absent)
        if value is sys.modules:
            self._survey.reads_modules = True
            return _bind_modules, (binding.space, binding.name, self._survey.library("sys"))
        if isinstance(value, types.ModuleType):
            if not binding.required:
                value = self._survey.escaped(value, binding.path)
            else:
                value = self._survey.module(value)
        return loading.bind, (_Begin(binding.space, binding.name), binding.name, value)

    def _instance(self, obj: Any, kind: type) -> Any:
        self._instances[kind] = None
        if kind in self.dispatch_table:
            return NotImplemented
        if isinstance(obj, enum.Enum):
            return reduce_enum_member(obj)
        if isinstance(obj, (property, classmethod, staticmethod)):
            return wrappers.reduce_descriptor(obj)
        reduced = obj.__reduce_ex__(5)
        if isinstance(reduced, str) and self._is_installed(obj):
            return NotImplemented
        if isinstance(reduced, str):
            # A sentinel that pickles as its own name: the module of that name is shipped, too.
            return object.__new__, (kind,), object.__getstate__(obj)
        return reduced

    def _is_by_value(self, cls: type) -> bool:
        known = self._by_value.get(cls)
        if known is None:
            made_by_python = bool(cls.__flags__ & HEAP_TYPE)
            known = made_by_python and cls not in _TYPE_NAMES and not self._is_installed(cls)
            self._by_value[cls] = known
        return known

    def _is_installed(self, obj: Any) -> bool:
        """Whether a function, class or the like is found by its name in an installed module."""
        module = getattr(obj, "__module__", None)
        if not isinstance(module, str) or module not in sys.modules:
            return False
        if self._survey.is_user(module):
            return False
        name = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
        return isinstance(name, str) and _lookup(module, name) is obj


def _lookup(module: str, qualname: str) -> object:
    try:
        return attrgetter(qualname)(sys.modules.get(module))
    except AttributeError:
        return _MISSING


def _bind_modules(space: types.ModuleType, name: str, system: types.ModuleType) -> None:
    loading.bind(space, name, system.modules)


def _leave_out(space: types.ModuleType, name: str, module: str, reason: str) -> None:
    loading.bind(space, name, Absent(module, name, reason))


_TOUCHES = (
    "call iter next len bool contains getitem setitem delitem enter exit aenter aexit await aiter "
    "hash eq ne lt le gt ge add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod "
    "pow rpow and rand or ror xor rxor lshift rshift matmul neg pos abs invert int float complex "
    "index str bytes format fspath reduce_ex reduce copy deepcopy instancecheck array"
)


class Absent:
    """Raises at any touch, naming the module and the attribute whose place it takes."""

    __slots__ = ("_absent_module", "_absent_name", "_absent_reason")

    def __init__(self, module: str, name: str, reason: str) -> None:
        object.__setattr__(self, "_absent_module", module)
        object.__setattr__(self, "_absent_name", name)
        object.__setattr__(self, "_absent_reason", reason)

    def __repr__(self) -> str:
        return f"<absent {self._absent_module}.{self._absent_name}>"

    def __getattr__(self, name: str) -> NoReturn:
        _refuse(self)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        _refuse(self)


def _refuse(absent: Absent, *_: object, **__: object) -> NoReturn:
    raise CodeMismatchError(
        f"{absent._absent_module}.{absent._absent_name} did not travel to this process "
        f"({absent._absent_reason}). Create it inside the function that uses it, or in prepare(ctx)."
    )


for _touch in _TOUCHES.split():
    setattr(Absent, f"__{_touch}__", _refuse)
