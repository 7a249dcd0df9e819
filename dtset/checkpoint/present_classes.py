"""The code that the user's classes and functions, to which stored elements refer, have in the present program."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import TypeAlias

from dtset.errors import UntrustedCheckpointError
from dtset.fingerprint import fingerprint_tree, rooted
from dtset.fingerprint.tree import Tree
from dtset.storage.pickling import present_class

FingerprintOf: TypeAlias = Callable[[str, str], str | None]


def module_and_name(name: str) -> tuple[str, str]:
    """Module and qualified name of a class, of their form in records."""
    module, _, qualname = name.partition(":")
    return module, qualname


def present_classes(names: Iterable[str], ignore: Collection[str]) -> dict[str, Tree]:
    """Trees of classes as the present program has them, by ``module:qualname``."""
    absent = Tree("class", "absent")
    return {name: _tree(*module_and_name(name), ignore) or absent for name in names}


def present_fingerprint(module: str, qualname: str, *, ignore: Collection[str]) -> str | None:
    """Fingerprint of the present program's class, if it has one of this name."""
    tree = _tree(module, qualname, ignore)
    return None if tree is None else tree.digest


def _tree(module: str, qualname: str, ignore: Collection[str]) -> Tree | None:
    try:
        cls = present_class(module, qualname)
    except (ImportError, AttributeError, UntrustedCheckpointError):
        return None
    return class_tree(cls, qualname, ignore)


def class_tree(cls: object, qualname: str, ignore: Collection[str]) -> Tree:
    """Tree of a class, or of a function that elements refer to by name, with Python's version in its digest."""
    noun = "class" if isinstance(cls, type) else "function"
    tree = fingerprint_tree(cls, f"{noun} {getattr(cls, '__name__', qualname)}", ignore=ignore)
    return replace(tree, digest=rooted(tree))
