"""The receiving side: a program's module namespaces, and what is bound in them."""

from __future__ import annotations

import builtins
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from io import BytesIO
from operator import attrgetter
from types import ModuleType
from typing import Any

from dtset.errors import CodeMismatchError, DTSetError, FingerprintError
from dtset.execution.shipping.imports import Imports


@dataclass(frozen=True, slots=True)
class SpaceRecord:
    """What a shipped namespace says of itself, apart from what is bound in it."""

    name: str | None
    package: str | None
    file: str | None
    path: tuple[str, ...] | None
    importable: bool
    main: bool

    def module(self) -> ModuleType:
        """Make a module that looks like the driver's, with nothing bound in it yet."""
        module = ModuleType(self.name or "")
        attributes = vars(module)
        if self.name is None:
            del attributes["__name__"]
        attributes["__package__"] = self.package
        if self.file is not None:
            attributes["__file__"] = self.file
        if self.path is not None:
            attributes["__path__"] = list(self.path)
        if self.name is not None and not self.main:
            spec = ModuleSpec(self.name, None, origin=self.file, is_package=self.path is not None)
            attributes["__spec__"] = spec
        return module


@dataclass(eq=False)
class Loader:
    """One program while it is being unpickled, and the objects that it consists of."""

    records: Sequence[SpaceRecord]
    reads_modules: bool = False
    spaces: list[ModuleType] = field(init=False)
    modules: dict[str, ModuleType] = field(init=False)
    imports: Imports = field(init=False)
    objects: dict[str, Any] = field(default_factory=dict)
    classes: dict[tuple[str, str], dict[type, bool]] = field(default_factory=dict)
    made: int = 0
    at: str = "the program"
    afterwards: list[Callable[[], object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.spaces = [record.module() for record in self.records]
        self.modules = {
            record.name: module
            for record, module in zip(self.records, self.spaces, strict=True)
            if record.importable and record.name is not None
        }
        self.imports = Imports(self.modules, self.reads_modules)
        builtin = {**vars(builtins), "__import__": self.imports}
        for module in self.spaces:
            vars(module)["__builtins__"] = builtin

    def load(self, body: bytes, submodules: Sequence[str] = ()) -> None:
        """Unpickle a program's body into this, after importing submodules it reads by attribute."""
        with _loading(self):
            for name in submodules:
                library(name)
            try:
                _Unpickler(BytesIO(body), self).load()
                for step in self.afterwards:
                    step()
            except DTSetError:
                raise
            except Exception as error:
                raise FingerprintError(
                    f"{self.at} was packed, but cannot be put together again where it is sent: {type(error).__name__}: {error}. "
                    f"Create it inside the function or in prepare(ctx), or keep it out of what the function reaches."
                ) from error


_CURRENT: ContextVar[Loader] = ContextVar("dtset_loader")


@contextmanager
def _loading(loader: Loader) -> Iterator[None]:
    token = _CURRENT.set(loader)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current() -> Loader:
    """Loader of the program that is being unpickled in this context."""
    return _CURRENT.get()


class _Unpickler(pickle.Unpickler):
    """Resolves references of the user's modules in the program, others by import."""

    def __init__(self, file: BytesIO, loader: Loader) -> None:
        super().__init__(file)
        self._loader = loader

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("importlib", "import_module"):
            return self._loader.imports.import_module
        if module.partition(".")[0] == "dtset":
            return super().find_class(module, name)
        try:
            return attrgetter(name)(self._loader.imports.module(module))
        except (ImportError, AttributeError) as error:
            raise CodeMismatchError(
                f"the program needs {module}.{name}, which is not here: {error}. "
                f"Install on the workers what the driver has installed."
            ) from error


def space(index: int) -> ModuleType:
    """Module that stands for one of the driver's namespaces."""
    return current().spaces[index]


def library(name: str) -> ModuleType:
    """Module of an installed distribution or of the standard library."""
    try:
        return current().imports.module(name)
    except ImportError as error:
        raise CodeMismatchError(
            f"the program uses module {name!r}, which cannot be imported here: {error}. "
            f"Install on the workers what the driver has installed."
        ) from error


def begin(space: ModuleType | None, name: str) -> ModuleType | None:
    """Say what comes next: a global of a namespace, or one of the objects that were to be shipped."""
    module = "" if space is None else vars(space).get("__name__", "<namespace>")
    current().at = name if space is None else f"global {module}.{name}"
    return space


def bind(target: ModuleType, name: str, value: object) -> None:
    """Bind a global of a shipped namespace."""
    vars(target)[name] = value


def place(_: None, key: str, value: object) -> None:
    """Keep one of the objects that were to be shipped."""
    current().objects[key] = value
