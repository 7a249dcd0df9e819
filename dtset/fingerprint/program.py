"""The whole program as a tree: what stands for the code that made the driver's state."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from dtset.fingerprint import environment_leaves, fingerprint_tree
from dtset.fingerprint.code import analyse
from dtset.fingerprint.origin import is_user_module
from dtset.fingerprint.tree import Tree, branch, leaf

__all__ = ["program_tree"]


def program_tree() -> Tree:
    """Fingerprint the script and the user's modules that it has imported so far.

    Their code as it lies in their files, comments and formatting apart. In a notebook there is no
    script: the functions defined in its cells so far stand for it.

    Returns
    -------
    Tree
        A child for each module or function.

    Examples
    --------
    >>> program_tree().name
    'program'
    """
    return branch("program", *environment_leaves(), *_parts())


def _parts() -> Iterator[Tree]:
    """Trees of the user's modules, by name."""
    for name, module in sorted(sys.modules.items()):
        # Where processes were spawned, the script is there under a second name.
        if name == "__mp_main__" or not isinstance(module, ModuleType) or not is_user_module(name):
            continue
        file = getattr(module, "__file__", None)
        if file is not None and file.endswith(".py"):
            yield _file_tree("script" if name == "__main__" else f"module {name}", Path(file))
        elif name == "__main__":
            yield from _cells(module)


def _file_tree(title: str, file: Path) -> Tree:
    """Tree of a file's code: what it defines, and by its own digest all of it."""
    try:
        source = file.read_bytes()
    except OSError:
        return leaf(title, b"no source")
    code = compile(source, "<program>", "exec", dont_inherit=True)
    defined = (const for const in code.co_consts if isinstance(const, CodeType))
    parts = [
        replace(
            leaf(f"code {each.co_name}", analyse(each).digest), place=f"{file.stem}.{each.co_name}"
        )
        for each in defined
    ]
    return replace(leaf(title, analyse(code).digest), children=tuple(parts), own="")


def _cells(main: ModuleType) -> Iterator[Tree]:
    """Trees of the functions that a notebook's cells have defined."""
    for name, value in sorted(vars(main).items()):
        if isinstance(value, FunctionType) and value.__module__ == "__main__":
            yield fingerprint_tree(value, f"function {name}")
