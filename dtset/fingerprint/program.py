"""The whole program as a tree: what stands for the code that made the driver's state."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from dtset.errors import FingerprintError
from dtset.fingerprint import environment_leaves, fingerprint_tree
from dtset.fingerprint.code import analyse
from dtset.fingerprint.origin import is_user_module, is_users_module, spec_of
from dtset.fingerprint.tree import Tree, branch, leaf


class ProgramFiles:
    """The script and the user's modules, each as its file was when this first looked at it.

    What runs is what was loaded: a file that is edited meanwhile is another program, not this one.
    """

    def __init__(self) -> None:
        self._trees: dict[str, Tree] = {}
        file = script_file()
        main = sys.modules.get("__main__")
        # Read now, compiled only if somebody asks.
        self._script = None if file is None else _bytes(file, getattr(main, "__loader__", None))

    def tree(self, also: Iterable[str] = (), ignore: Collection[str] = ()) -> Tree:
        """Fingerprint the script and the user's modules that it has imported so far.

        Their code as it lies in their files, comments and formatting apart. In a notebook there is no
        script: the functions and classes defined in its cells so far stand for it. `also` are parts of an earlier program: modules
        among them that this one has not come to yet are looked for.
        """
        parts = {part.name: part for part in self._parts(ignore)}
        for title in also:
            if title.startswith("module ") and title not in parts:
                spec = spec_of(title.removeprefix("module "))
                if spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
                    parts[title] = self._file_tree(title, spec.origin, spec.loader)
        return branch("program", *environment_leaves(), *parts.values())

    def _parts(self, ignore: Collection[str]) -> Iterator[Tree]:
        for name, module in sorted(sys.modules.items()):
            # Where processes were spawned, the script is there under a second name.
            if name == "__mp_main__" or not isinstance(module, ModuleType):
                continue
            if not is_user_module(name):
                continue
            file = getattr(module, "__file__", None)
            if isinstance(file, str) and file.endswith(".py"):
                title = "script" if name == "__main__" else f"module {name}"
                yield self._file_tree(title, file, getattr(module, "__loader__", None))
                yield from self._loaded(name, module)
            elif name == "__main__":
                yield from _cells(module, ignore)

    def _loaded(self, name: str, holder: ModuleType) -> Iterator[Tree]:
        """Trees of the files that a module has loaded by itself, without an import."""
        for held, module in list(vars(holder).items()):
            if not isinstance(module, ModuleType) or sys.modules.get(module.__name__) is module:
                continue
            file = vars(module).get("__file__")
            if isinstance(file, str) and file.endswith(".py") and is_users_module(module):
                loader = getattr(module, "__loader__", None)
                yield self._file_tree(f"module {held} of {name}", file, loader)

    def _file_tree(self, title: str, file: str, loader: object) -> Tree:
        if title not in self._trees:
            source = self._script if title == "script" else _bytes(file, loader)
            self._trees[title] = _tree_of_source(title, Path(file).stem, source)
        return self._trees[title]


def _bytes(file: str, loader: object) -> bytes | None:
    """Read a file of code, which may be in an archive that only the module's loader can read."""
    for read in (lambda name: Path(name).read_bytes(), getattr(loader, "get_data", None)):
        try:
            if read is not None:
                return bytes(read(file))
        except OSError:
            continue
    return None


@lru_cache(maxsize=1024)
def _tree_of_source(title: str, stem: str, source: bytes | None) -> Tree:
    """Tree of a file's code: what it defines, and by its own digest all of it."""
    if source is None:
        return leaf(title, b"no source")
    try:
        code = compile(source, "<program>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        # Half saved, perhaps: another text is another program.
        return leaf(title, b"no code", source)
    defined = (const for const in code.co_consts if isinstance(const, CodeType))
    parts = [
        replace(leaf(f"code {each.co_name}", analyse(each).digest), place=f"{stem}.{each.co_name}")
        for each in defined
    ]
    return replace(leaf(title, analyse(code).digest), children=tuple(parts), own="")


def _cells(main: ModuleType, ignore: Collection[str]) -> Iterator[Tree]:
    for name, value in sorted(vars(main).items()):
        if not isinstance(value, FunctionType | type) or value.__module__ != "__main__":
            continue
        noun = "function" if isinstance(value, FunctionType) else "class"
        try:
            yield fingerprint_tree(value, f"{noun} {name}", ignore=ignore)
        except FingerprintError:
            # It reaches the environment, or a lock: then its own code stands for it.
            yield leaf(f"{noun} {name}", *_codes(value))


def _codes(value: FunctionType | type) -> Iterator[bytes]:
    if isinstance(value, FunctionType):
        yield analyse(value.__code__).digest
        return
    for name, held in sorted(vars(value).items()):
        function = getattr(held, "__func__", held)
        if isinstance(function, FunctionType):
            yield name.encode()
            yield analyse(function.__code__).digest


_FOLDER = os.sep
with suppress(FileNotFoundError):
    # As early as can be: a program may go to another folder before it makes its environment.
    _FOLDER = os.getcwd()


def started_in() -> str:
    """Folder in which this process was when dtset was imported."""
    return _FOLDER


def script_file() -> str | None:
    """Absolute path of the file that runs as ``__main__``; None in a session, or for code of no file.

    Profilers and IPython leave the path as it was typed, relative to the folder they were started in.
    """
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    # What was read from standard input claims to be of a file "<stdin>".
    if not isinstance(file, str) or file.startswith("<"):
        return None
    return os.path.join(_FOLDER, file)
