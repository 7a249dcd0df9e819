"""Fingerprints: value → digest, code → digest, kept as a tree of named digests."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from dtset.fingerprint.graph import tree_of
from dtset.fingerprint.origin import PYTHON
from dtset.fingerprint.tree import FORMAT, Tree, branch, leaf
from dtset.fingerprint.version import version
from dtset.fingerprint.walk import Session

__all__ = ["FORMAT", "Session", "fingerprint", "version"]


def fingerprint(obj: object) -> str:
    """Hash what an object is: a value by its content, a function by what it does.

    These are 64 hex digits, the same in every process and on every machine with the same Python minor version. It is
    a FingerprintError if it cannot be told for certain, with the path to what it cannot be told of.

    Examples
    --------
    >>> fingerprint(lambda x: x + 1) == fingerprint(lambda x: x + 1)
    True
    >>> fingerprint(1) == fingerprint(1.0)
    False
    """
    from dtset.settings import ignored_globals

    name = getattr(obj, "__name__", type(obj).__name__)
    return rooted(fingerprint_tree(obj, str(name), ignore=ignored_globals()))


def rooted(tree: Tree) -> str:
    """Digest of an object's tree together with the Python version and the format of fingerprints."""
    return branch("object", Tree("it", tree.digest), *environment_leaves()).digest


def fingerprint_tree(
    obj: object,
    name: str,
    *,
    config: Mapping[str, object] | None = None,
    ignore: Collection[str] = (),
    session: Session | None = None,
    said: str | None = None,
) -> Tree:
    """Fingerprint one function or value of a node, as a tree."""
    walk = Session(ignore) if session is None else session
    tree = tree_of(walk.digest(obj, said or name), name)
    if config is None:
        return tree
    whole = tree_of(walk.digest(config, "config"), "config")
    parts = (
        tree_of(walk.digest(value, f"config {key}"), f"config {key}")
        for key, value in config.items()
    )
    settings = Tree("config", whole.digest, None, tuple(parts))
    joined = branch(name, Tree("function", tree.digest), settings, tag="with config")
    return replace(tree, digest=joined.digest, children=(*tree.children, settings))


def environment_leaves() -> tuple[Tree, ...]:
    """Return the leaves that every root has: the Python minor version and the format."""
    return (
        leaf("python", PYTHON, shown=PYTHON),
        leaf("fingerprint format", str(FORMAT), shown=str(FORMAT)),
    )
