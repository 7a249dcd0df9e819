"""Whose code a module is: the user's own, or an installed distribution's.

Decided by where the module's file lies, never by its bare name, so that a `types.py`
beside the script is the user's and a package installed with `pip install -e` is too.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import MethodDescriptorType, ModuleType, WrapperDescriptorType

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_OWN_FOLDER = Path(__file__).resolve().parents[1]
_SITE_FOLDERS = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Distribution:
    """A named, versioned set of modules that an installer put in place."""

    name: str
    version: str


@dataclass(frozen=True)
class _Origin:
    user: bool
    distribution: Distribution | None


_EMPTY = frozenset(vars(ModuleType("")))
HEAP_TYPE = 1 << 9
_IMMUTABLE_TYPE = 1 << 8
_USER = _Origin(True, None)
_OWN = _Origin(False, None)
_STDLIB = _Origin(False, Distribution("python", PYTHON))


def is_user_module(module_name: str) -> bool:
    """Whether a module is the user's own code, shipped and fingerprinted by content."""
    return _origin(module_name).user


def is_users_class(cls: type) -> bool:
    """Whether a class is the user's own; a compiled one of no module that there is belongs to a library."""
    name = cls.__module__
    if not isinstance(name, str) or not is_user_module(name):
        return False
    return name in sys.modules or not is_compiled(cls)


def is_users_module(module: ModuleType) -> bool:
    """Whether a module is the user's own code; one that no import made goes by its file, not by its name."""
    if sys.modules.get(module.__name__) is module:
        return is_user_module(module.__name__)
    file = vars(module).get("__file__")
    return not isinstance(file, str) or is_users_file(file)


def file_of(module_name: str) -> str | None:
    """File or folder of a module, which may or may not be imported yet; None if it has none."""
    return _place(module_name)[0]


def is_users_file(file: str) -> bool:
    """Whether a file of code is the user's own."""
    return _origin_of_file(Path(file).stem, file, False).user


def distribution_of(module_name: str) -> Distribution | None:
    """The installed distribution a module belongs to; None for the user's and for dtset's own."""
    return _origin(module_name).distribution


def _origin(module_name: str) -> _Origin:
    if module_name in ("__main__", "__mp_main__"):
        return _USER
    file, spec_origin, packaged = _place(module_name)
    if file is not None:
        return _origin_of_file(module_name, file, packaged)
    if spec_origin in ("built-in", "frozen") or (
        module_name.partition(".")[0] in sys.stdlib_module_names
    ):
        return _STDLIB
    parent = module_name.rpartition(".")[0]
    if parent:
        # Modules that a library makes at run time (`six.moves`, `torch._C._nn`) belong to its package.
        return _origin(parent)
    return _OWN if _is_compilers(module_name) else _USER


def _is_compilers(module_name: str) -> bool:
    """Whether compiled modules made a module for the types that they share, as Cython's do: `_cython_3_2_4`."""
    module = sys.modules.get(module_name)
    held = [value for name, value in vars(module).items() if name not in _EMPTY] if module else []
    return bool(held) and all(isinstance(value, type) and is_compiled(value) for value in held)


def is_compiled(cls: type) -> bool:
    """Whether a class was written in C, Cython or the like, by no class statement."""
    if not cls.__flags__ & HEAP_TYPE or cls.__flags__ & _IMMUTABLE_TYPE:
        return True
    # Only a class with slots of its own in C has these; what Python's `__slots__` makes is neither.
    return any(
        isinstance(held, WrapperDescriptorType | MethodDescriptorType) and held.__objclass__ is cls
        for held in vars(cls).values()
    )


def _place(module_name: str) -> tuple[str | None, str | None, bool]:
    """File or folder of a module, the origin its spec states, and whether it is a package."""
    module = sys.modules.get(module_name)
    spec: ModuleSpec | None = getattr(module, "__dict__", {}).get("__spec__")
    if module is not None:
        # Not by getattr: a module's own `__getattr__` may do, and raise, anything.
        file = getattr(module, "__dict__", {}).get("__file__")
        path = getattr(module, "__dict__", {}).get("__path__")
        if not isinstance(file, str) and path is not None:
            file = next((entry for entry in path if isinstance(entry, str)), None)
        origin = spec.origin if isinstance(spec, ModuleSpec) else None
        return (file if isinstance(file, str) else None), origin, path is not None
    spec = spec_of(module_name)
    if spec is None:
        return None, None, False
    locations = spec.submodule_search_locations
    file = spec.origin if spec.has_location else next(iter(locations or ()), None)
    return file, spec.origin, locations is not None


def spec_of(module_name: str) -> ModuleSpec | None:
    """Find a module without importing it or any of its packages."""
    top, _, rest = module_name.partition(".")
    if top in sys.modules and not rest:
        return None
    search: list[str] | None = None
    loaded = sys.modules.get(top)
    name = top
    if loaded is not None and rest:
        search = list(getattr(loaded, "__path__", ()) or ())
        head, _, rest = rest.partition(".")
        name = f"{top}.{head}"
    elif top in sys.builtin_module_names:
        return ModuleSpec(top, None, origin="built-in")
    while True:
        try:
            spec = PathFinder.find_spec(name, search)
        except KeyError:
            # A namespace package looks itself up through its parent, which is not imported here.
            return None
        if spec is None or not rest:
            return spec if spec is not None else _found_by_other_finders(name, search)
        search = list(spec.submodule_search_locations or ())
        head, _, rest = rest.partition(".")
        name = f"{name}.{head}"


def _found_by_other_finders(name: str, search: list[str] | None) -> ModuleSpec | None:
    """Ask the finders of editable installs and the like, which `PathFinder` does not know."""
    for finder in sys.meta_path:
        find_spec = getattr(finder, "find_spec", None)
        if finder is PathFinder or find_spec is None:
            continue
        spec = find_spec(name, search)
        if isinstance(spec, ModuleSpec):
            return spec
    return None


@lru_cache(maxsize=8192)
def _origin_of_file(module_name: str, file: str, packaged: bool) -> _Origin:
    folder, name = os.path.split(file)
    is_plain = os.path.isabs(file) and not os.path.islink(file)
    path = _resolved(folder) / name if is_plain else Path(file).resolve()
    if path.is_relative_to(_OWN_FOLDER):
        return _OWN
    if _in_stdlib(path):
        return _STDLIB
    root = _import_root(module_name, path, packaged)
    owner = _owner(root, path)
    if owner is None:
        return _USER
    return _Origin(False, owner)


@lru_cache(maxsize=1024)
def _resolved(folder: str) -> Path:
    return Path(folder).resolve()


@lru_cache(maxsize=1)
def _stdlib_folders() -> tuple[Path, ...]:
    paths = (sysconfig.get_path(key) for key in ("stdlib", "platstdlib"))
    return tuple({Path(path).resolve() for path in paths if path})


def _in_stdlib(path: Path) -> bool:
    for folder in _stdlib_folders():
        if path.is_relative_to(folder):
            return not any(part in _SITE_FOLDERS for part in path.relative_to(folder).parts)
    return False


def _import_root(module_name: str, path: Path, packaged: bool) -> Path:
    """Folder on the import path below which the module's dotted name starts."""
    parts = module_name.split(".")
    folder = path.parent if path.suffix else path
    inside = parts if packaged else parts[:-1]
    if inside and folder.parts[-len(inside) :] == tuple(inside):
        return folder.parents[len(inside) - 1]
    if not inside:
        return folder
    for part in path.parents:
        if part.name in _SITE_FOLDERS:
            return part
    return folder


def _owner(root: Path, path: Path) -> Distribution | None:
    """Distribution recorded in `root` as having installed `path`, unless from a local path."""
    try:
        relative = path.relative_to(root).as_posix()
    except ValueError:
        return None
    top = relative.partition("/")[0].partition(".")[0]
    for folder in _metadata_folders(str(root), top):
        if _records(folder).covers(relative):
            return None if _from_local_path(folder) else _named(folder)
    return None


@lru_cache(maxsize=4096)
def _metadata_folders(root: str, top: str) -> tuple[Path, ...]:
    wanted = _plain(top)
    return tuple(
        sorted(_all_metadata(root), key=lambda e: _plain(e.name.partition("-")[0]) != wanted)
    )


@lru_cache(maxsize=1024)
def _all_metadata(root: str) -> tuple[Path, ...]:
    # An egg-info in a source tree is what `setup.py develop` leaves: that tree is the user's.
    kinds = (".dist-info", ".egg-info")[: 1 + (Path(root).name in _SITE_FOLDERS)]
    try:
        names = sorted(name for name in os.listdir(root) if name.endswith(kinds))
    except OSError:
        return ()
    return tuple(Path(root, name) for name in names)


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


@dataclass(frozen=True)
class _Records:
    files: frozenset[str]
    tops: frozenset[str]

    @cached_property
    def folders(self) -> frozenset[str]:
        found = set[str]()
        for folder in {file.rpartition("/")[0] for file in self.files}:
            while folder and folder not in found:
                found.add(folder)
                folder = folder.rpartition("/")[0]
        return frozenset(found)

    def covers(self, relative: str) -> bool:
        if self.files:
            return relative in self.files or self._is_folder(relative)
        return relative.partition("/")[0].removesuffix(".py") in self.tops

    def _is_folder(self, relative: str) -> bool:
        # Namespace packages are folders, which no RECORD lists.
        return "." not in relative and relative in self.folders


@lru_cache(maxsize=4096)
def _records(folder: Path) -> _Records:
    lines = _lines(folder / "RECORD")
    files = frozenset(line.rsplit(",", 2)[0].strip('"') for line in lines)
    tops = frozenset(_lines(folder / "top_level.txt"))
    if not files and not tops:
        tops = frozenset((_plain(folder.name.partition("-")[0]),))
    return _Records(files, tops)


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text("utf-8").splitlines() if line]
    except OSError:
        return []


@lru_cache(maxsize=4096)
def _from_local_path(folder: Path) -> bool:
    try:
        url = json.loads((folder / "direct_url.json").read_text("utf-8")).get("url", "")
    except (OSError, ValueError):
        return False
    # Conda's own packages carry the URL of the farm that built them; they are ordinary installs.
    return str(url).startswith("file:") and "conda" not in "".join(_lines(folder / "INSTALLER"))


@lru_cache(maxsize=4096)
def _named(folder: Path) -> Distribution:
    name, version = "", ""
    for line in _lines(folder / "METADATA") or _lines(folder / "PKG-INFO"):
        key, _, value = line.partition(":")
        if key == "Name" and not name:
            name = value.strip()
        elif key == "Version" and not version:
            version = value.strip()
        if name and version:
            break
    stem = folder.stem.split("-")
    return Distribution(name or stem[0], version or (stem[1] if len(stem) > 1 else "unknown"))
