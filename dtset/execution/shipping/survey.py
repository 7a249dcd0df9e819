"""What of the driver's namespaces the shipped functions reach.

A *space* is a dictionary of globals of the user's code, nearly always a module's. Every binding that functions
read must travel. Of a module that escapes into a value, all bindings do that can be pickled.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.machinery import ExtensionFileLoader
from types import FunctionType, ModuleType
from typing import Any

from dtset.errors import FingerprintError
from dtset.execution.shipping import loading
from dtset.execution.shipping.functions import Reduced
from dtset.execution.shipping.imports import package_of
from dtset.execution.shipping.loading import SpaceRecord
from dtset.execution.shipping.reach import MODULE_NAME, reach_of
from dtset.fingerprint.origin import is_user_module
from dtset.fingerprint.pruning import Reads
from dtset.fingerprint.references import Reference

Path = tuple[str, ...]
Key = tuple[int, str]

_SELF_MADE = frozenset(f"__{name}__" for name in ("name", "package", "file", "path", "spec")) | {
    "__loader__",
    "__cached__",
    "__builtins__",
}
_READS_ALL: tuple[object, ...] = (builtins.globals, builtins.eval, builtins.exec)
_LOOKUPS: tuple[object, ...] = (
    importlib.import_module,
    importlib.__import__,
    builtins.__import__,
    sys.modules,
)


@dataclass(eq=False)
class Space:
    """Globals of user code on the driver, sent as the number of a module made for it."""

    index: int
    globals: dict[str, Any]
    importable: bool

    @property
    def name(self) -> str:
        """Name of the module, for paths and messages."""
        return str(self.globals.get("__name__", "<namespace>"))

    def record(self) -> SpaceRecord:
        """Describe the module to be made on the worker."""
        path = self.globals.get("__path__")
        return SpaceRecord(
            name=_text(self.globals.get("__name__")),
            package=_text(self.globals.get("__package__")),
            file=_text(self.globals.get("__file__")),
            path=None if path is None else tuple(map(str, path)),
            importable=self.importable,
            main=self.globals.get("__spec__") is None,
        )

    def __reduce__(self) -> Reduced:
        return loading.space, (self.index,)


@dataclass(frozen=True, slots=True)
class Library:
    """An installed module, sent as its name."""

    name: str

    def __reduce__(self) -> Reduced:
        return loading.library, (self.name,)


@dataclass(eq=False)
class Binding:
    """A global that travels; `absent` says why it had to be left behind."""

    space: Space
    name: str
    path: Path
    required: bool
    absent: str | None = None

    @property
    def key(self) -> Key:
        """Number of the space, and name in it."""
        return self.space.index, self.name

    @property
    def value(self) -> Any:
        """What is bound now."""
        return self.space.globals.get(self.name)


@dataclass(eq=False)
class Survey:
    """Spaces and bindings found so far.

    `required` is how new bindings are being reached; `reads` are, by identity, the bindings each
    function reads, and `instances` the user's classes of which a binding holds instances.
    """

    spaces: dict[int, Space] = field(default_factory=dict)
    bindings: dict[Key, Binding] = field(default_factory=dict)
    libraries: dict[str, Library] = field(default_factory=dict)
    submodules: dict[str, None] = field(default_factory=dict)
    whole: dict[int, Path] = field(default_factory=dict)
    reads: dict[int, list[Key]] = field(default_factory=dict)
    instances: dict[Key, dict[type, None]] = field(default_factory=dict)
    required: bool = True
    subclasses: bool = False
    all_globals: bool = False
    reads_modules: bool = False
    _user: dict[str, bool] = field(default_factory=dict)
    _reading: list[Key] = field(default_factory=list)

    def is_user(self, module_name: str) -> bool:
        """Whether a module is the user's own, asked once per name."""
        known = self._user.get(module_name)
        if known is None:
            known = self._user[module_name] = is_user_module(module_name)
        return known

    def library(self, name: str) -> Library:
        """The one handle for an installed module."""
        return self.libraries.setdefault(name, Library(name))

    def home(self, globals: dict[str, Any]) -> Space | Library:
        """Where functions with these globals live."""
        known = self.spaces.get(id(globals))
        if known is not None:
            return known
        name = globals.get("__name__")
        module = sys.modules.get(name) if isinstance(name, str) else None
        is_module = module is not None and getattr(module, "__dict__", None) is globals
        if is_module and not self.is_user(str(name)):
            return self.library(str(name))
        return self._new_space(globals, is_module, module if is_module else None)

    def module(self, module: ModuleType) -> Space | Library:
        """What stands for a module object."""
        name = module.__name__
        if sys.modules.get(name) is module and not self.is_user(name):
            return self.library(name)
        return self.home(vars(module))

    def escaped(self, module: ModuleType, path: Path) -> Space | Library:
        """What stands for a module of which anything may be read."""
        home = self.module(module)
        if isinstance(home, Space):
            self.whole.setdefault(home.index, path)
        return home

    def function(self, function: FunctionType, path: Path) -> None:
        """List what a function of the user's reads."""
        space = self.home(function.__globals__)
        if isinstance(space, Library):
            return
        label = f"function {function.__qualname__}"
        if path[-1:] not in ((label,), (f"function {space.name}.{function.__qualname__}",)):
            path = (*path, label)
        self._reading = self.reads[id(function)] = []
        reach = reach_of(function.__code__)
        self.subclasses = self.subclasses or Reads.SUBCLASSES in reach.sees
        self.all_globals = self.all_globals or Reads.GLOBALS in reach.sees
        if Reads.OWN_GLOBALS in reach.sees:
            self.whole.setdefault(space.index, path)
        for reference in reach.references:
            self._follow(reference, space, path)
        for text in reach.strings:
            module = sys.modules.get(text)
            if module is not None and self.is_user(text):
                self.escaped(module, path)

    def want(self, module_name: str, qualname: str, path: Path = ()) -> bool:
        """List the binding that a class or function is found by; False if there is none."""
        module = sys.modules.get(module_name)
        if module is None or not self.is_user(module_name):
            return False
        space = self.home(vars(module))
        top = qualname.partition(".")[0]
        if isinstance(space, Library) or top not in space.globals:
            return False
        self._want(space, top, path or (f"class {module_name}.{qualname} in stored data",), space)
        return True

    def list_whole(self) -> Iterator[Binding]:
        """List, as not required, all bindings of the modules that escaped."""
        for space in list(self.spaces.values()):
            if self.all_globals:
                self.whole.setdefault(space.index, (f"globals of {space.name}",))
            for name in list(space.globals) if space.index in self.whole else ():
                if name not in _SELF_MADE and (space.index, name) not in self.bindings:
                    self._want(space, name, self.whole[space.index], None)
                    yield self.bindings[space.index, name]

    def _new_space(
        self, globals: dict[str, Any], importable: bool, module: ModuleType | None
    ) -> Space:
        if isinstance(getattr(module, "__loader__", None), ExtensionFileLoader):
            raise FingerprintError(
                f"module {globals.get('__name__')!r} is compiled and belongs to no installed "
                f"distribution, so that it can be neither sent to workers nor checked there. "
                f"Install it (pip install) here and on the workers."
            )
        space = self.spaces[id(globals)] = Space(len(self.spaces), globals, importable)
        parent = sys.modules.get(space.name.rpartition(".")[0]) if importable else None
        if parent is not None:
            self.module(parent)
        return space

    def _want(self, space: Space, name: str, path: Path, reader: Space | None) -> None:
        self._reading.append((space.index, name))
        if name in _SELF_MADE or (space.index, name) in self.bindings:
            return
        value = space.globals.get(name)
        is_function = isinstance(value, FunctionType) and value.__qualname__ == name
        kind = "function" if is_function else "global"
        shown = name if space is reader else f"{space.name}.{name}"
        binding = Binding(space, name, (*path, f"{kind} {shown}"), self.required)
        self.bindings[space.index, name] = binding

    def _follow(self, reference: Reference, space: Space, path: Path) -> None:
        chain = reference.chain
        if reference.getter in space.globals:
            # The user's own `getattr` may do anything with the module.
            chain = chain[:-1]
        value: object
        if reference.module or reference.level:
            value = self._import(reference, space, path)
        else:
            name, chain = chain[0], chain[1:]
            if name in space.globals:
                self._want(space, name, path, space)
            value = space.globals.get(name, vars(builtins).get(name))
        found = self._along(value, chain, space, path)
        if any(found is reader for reader in _READS_ALL):
            self.whole.setdefault(space.index, path)
        elif any(found is lookup for lookup in _LOOKUPS):
            self._look_up(reference.key, found, space, path)

    def _along(self, value: object, chain: Iterable[str], reader: Space, path: Path) -> object:
        """Go along a chain of attributes as long as it leads through modules; return where that ends."""
        for attribute in chain:
            if not isinstance(value, ModuleType) or attribute == "":
                return value
            home = self.module(value)
            if value is sys and attribute == "modules":
                self.reads_modules = True
                self.whole.setdefault(reader.index, path)
            if isinstance(home, Library):
                value = self._of_library(value, attribute)
            elif attribute in home.globals:
                self._want(home, attribute, path, reader)
                value = home.globals[attribute]
            elif hasattr(ModuleType, attribute):
                # `__dict__` and the like: anything may be taken from there.
                break
            else:
                if "__getattr__" in home.globals:
                    self._want(home, "__getattr__", path, reader)
                return None
        if isinstance(value, ModuleType):
            self.escaped(value, path)
        return value

    def _of_library(self, module: ModuleType, attribute: str) -> object:
        """Attribute of an installed module; a submodule is noted so that the worker imports it too."""
        value = vars(module).get(attribute)
        name = f"{module.__name__}.{attribute}"
        if value is not None and value is sys.modules.get(name) and not self.is_user(name):
            self.submodules[name] = None
        return value

    def _look_up(self, key: str, lookup: object, space: Space, path: Path) -> None:
        """List a module that is imported, or found, by a name that can be told."""
        name = space.globals.get(key[1:]) if key.startswith("@") else ast.literal_eval(key or "0")
        if not isinstance(name, str) or not MODULE_NAME.match(name):
            return
        if name.startswith("."):
            name = importlib.util.resolve_name(name, package_of(space.globals))
        if self.is_user(name) and (name in sys.modules or lookup is not sys.modules):
            module = self._imported(name, path)
            if module is not None:
                self._on_the_way(name, space, path)
                self.escaped(module, path)

    def _import(self, reference: Reference, space: Space, path: Path) -> ModuleType | None:
        """Import what a statement in a function imports; of installed modules, those that are there already."""
        package = package_of(space.globals)
        try:
            name = importlib.util.resolve_name("." * reference.level + reference.module, package)
        except ImportError:
            return None
        if not self.is_user(name):
            return sys.modules.get(name)
        module = self._imported(name, path)
        if module is not None:
            self._on_the_way(name, space, path)
            self.module(module)
            attribute = "".join(reference.chain[:1])
            if attribute and not hasattr(module, attribute):
                self._imported(f"{name}.{attribute}", path)
        return module

    def _on_the_way(self, name: str, space: Space, path: Path) -> None:
        """List, in each package on the way to a dotted name, what is below it."""
        parts = name.split(".")
        for depth in range(1, len(parts)):
            self._along(sys.modules[".".join(parts[:depth])], (parts[depth], ""), space, path)

    def _imported(self, name: str, path: Path) -> ModuleType | None:
        if name not in sys.modules:
            try:
                if importlib.util.find_spec(name) is None:
                    return None
            except (ImportError, ValueError):
                return None
            try:
                importlib.import_module(name)
            except Exception as error:
                raise FingerprintError(
                    f"{' → '.join(path)} imports {name!r}, which fails here: "
                    f"{type(error).__name__}: {error}. What the workers would run is unknown."
                ) from error
        module = sys.modules[name]
        if not isinstance(module, ModuleType):
            raise FingerprintError(
                f"{' → '.join(path)} imports {name!r}, which put a {type(module).__name__} in "
                f"its own place in sys.modules: that cannot be sent to workers. Import an object "
                f"from an ordinary module instead."
            )
        return module


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
