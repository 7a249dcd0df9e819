"""A fingerprint as a tree of named digests: what is compared, stored and explained."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["FORMAT", "Tree", "branch", "from_json", "leaf", "to_json"]

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Tree:
    """A named digest, with the named digests it was made of.

    Parameters
    ----------
    name : str
        What a person knows, such as ``"global THRESHOLD"``.
    digest : str
        64 hex digits.
    shown : str, optional
        A short plain value, for explanations.
    children : tuple of Tree
        The parts. A part reached twice is one object, not two.

    Examples
    --------
    >>> leaf("global THRESHOLD", "5", shown="5").shown
    '5'
    """

    name: str
    digest: str
    shown: str | None = None
    children: tuple[Tree, ...] = ()


def branch(name: str, *children: Tree, tag: str = "branch", shown: str | None = None) -> Tree:
    """Make a tree whose digest is that of its children's names and digests.

    Examples
    --------
    >>> one, two = leaf("a", "1"), leaf("b", "2")
    >>> branch("node", one, two).digest == branch("node", two, one).digest
    False
    """
    parts = [part for child in children for part in (child.name, child.digest)]
    return Tree(name, _digest(tag, parts), shown, children)


def leaf(name: str, *parts: bytes | str, shown: str | None = None) -> Tree:
    """Make a tree without children, whose digest is that of `parts`.

    Examples
    --------
    >>> leaf("python", "3.11").digest == leaf("elsewhere", "3.11").digest
    True
    >>> leaf("x", "ab", "c").digest == leaf("x", "a", "bc").digest
    False
    """
    return Tree(name, _digest("leaf", parts), shown)


def _digest(tag: str, parts: tuple[bytes | str, ...] | list[str]) -> str:
    encoded: list[bytes] = []
    for part in (tag, *parts):
        if isinstance(part, str):
            data = part.encode("utf-8", "surrogatepass")
            encoded += (b"s%d:" % len(data), data)
        else:
            encoded += (b"b%d:" % len(part), part)
    return hashlib.sha256(b"".join(encoded)).hexdigest()


def to_json(tree: Tree) -> list[list[Any]]:
    """Turn a tree into rows of plain values, each part once, children before parents.

    Returns
    -------
    list of list
        ``[name, digest, shown, indices of children]``; the last row is the tree itself.

    Examples
    --------
    >>> from_json(to_json(branch("node", leaf("a", "1")))).children[0].name
    'a'
    """
    rows: list[list[Any]] = []
    row_of: dict[tuple[str, str, str | None, tuple[int, ...]], int] = {}
    done: dict[int, int] = {}
    stack = [tree]
    while stack:
        part = stack[-1]
        waiting = [child for child in part.children if id(child) not in done]
        if waiting:
            stack.extend(reversed(waiting))
            continue
        stack.pop()
        if id(part) in done:
            continue
        children = tuple(done[id(child)] for child in part.children)
        key = (part.name, part.digest, part.shown, children)
        if key not in row_of:
            row_of[key] = len(rows)
            rows.append([part.name, part.digest, part.shown, list(children)])
        done[id(part)] = row_of[key]
    return rows


def from_json(rows: Sequence[Sequence[Any]]) -> Tree:
    """Rebuild the tree that `to_json` turned into rows.

    Examples
    --------
    >>> tree = leaf("python", "3.11", shown="3.11")
    >>> from_json(to_json(tree)) == tree
    True
    """
    trees: list[Tree] = []
    for name, digest, shown, children in rows:
        trees.append(Tree(name, digest, shown, tuple(trees[index] for index in children)))
    return trees[-1]
