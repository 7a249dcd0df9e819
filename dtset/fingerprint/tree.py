"""A fingerprint as a tree of named digests: what is compared, stored and explained."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

FORMAT = 4
OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Tree:
    """A named digest, with the named digests it was made of.

    `own` differs when what differs is the thing itself and not its parts; it is empty where that cannot be told, or is told
    elsewhere in the tree. `place` is the module and qualified name of a function or class, or `OPERATOR`. A part that is reached
    twice is one object; `code`, of a function of the user's, is not stored.
    """

    name: str
    digest: str
    shown: str | None = None
    children: tuple[Tree, ...] = ()
    own: str = ""
    place: str = ""
    code: CodeType | None = field(default=None, repr=False, compare=False)
    chain: str = field(default="", repr=False, compare=False)


def own_mark(label: bytes) -> str:
    """Shorten what a thing is by itself to what tells one from another: for explanations, not for keys."""
    return f"{zlib.crc32(label):08x}"


def branch(name: str, *children: Tree, tag: str = "branch") -> Tree:
    """Make a tree whose digest is that of its children's names and digests."""
    parts = [part for child in children for part in (child.name, child.digest)]
    return Tree(name, _digest(tag, parts), None, children)


def leaf(name: str, *parts: bytes | str, shown: str | None = None) -> Tree:
    """Make a tree without children, whose digest is that of `parts`."""
    digest = _digest("leaf", parts)
    return Tree(name, digest, shown, (), digest[:8])


def _digest(tag: str, parts: tuple[bytes | str, ...] | list[str]) -> str:
    encoded: list[bytes] = []
    for part in (tag, *parts):
        if isinstance(part, str):
            data = part.encode("utf-8", "surrogatepass")
            encoded += (b"s%d:" % len(data), data)
        else:
            encoded += (b"b%d:" % len(part), part)
    return hashlib.sha256(b"".join(encoded)).hexdigest()


def walk_tree(*trees: Tree) -> Iterator[Tree]:
    """All parts of trees, each once."""
    seen: set[int] = set()
    waiting = [*reversed(trees)]
    while waiting:
        each = waiting.pop()
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting.extend(reversed(each.children))


def to_json(tree: Tree, *, hidden: Collection[int] = ()) -> list[list[Any]]:
    """Turn a tree into rows of plain values, each part once, children before parents.

    ``[name, digest, shown, indices of children, own, place]``; the last row is the tree itself. Of parts whose ids are `hidden`,
    no values are written.
    """
    rows: list[list[Any]] = []
    row_of: dict[tuple[Any, ...], int] = {}
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
        shown = None if id(part) in hidden else part.shown
        key = (part.name, part.digest, shown, children, part.own, part.place)
        if key not in row_of:
            row_of[key] = len(rows)
            rows.append([*key[:3], list(children), *key[4:]])
        done[id(part)] = row_of[key]
    return rows


def from_json(rows: Sequence[Sequence[Any]]) -> Tree:
    """Rebuild the tree that `to_json` turned into rows."""
    trees: list[Tree] = []
    for name, digest, shown, children, own, place in rows:
        parts = tuple(trees[index] for index in children)
        trees.append(Tree(name, digest, shown, parts, own, place))
    return trees[-1]
