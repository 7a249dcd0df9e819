"""What an object reaches, as a graph; digests that see through cycles; the tree for people.

A digest is that of the object's behaviour, not of its layout in memory: two equal parts and one
shared part give the same, and a cycle gives each of its members the same digest whichever of them
is entered first (the members are told apart by refinement, as states of an automaton are).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from types import FunctionType

from dtset.fingerprint.naming import place_of
from dtset.fingerprint.origin import Distribution
from dtset.fingerprint.plain import SECRET
from dtset.fingerprint.pruning import Reads
from dtset.fingerprint.tree import Tree, leaf, own_mark, walk_tree

# Parts of longer sequences are not shown one by one.
MOST_SHOWN = 32
# Both often hold secrets under names of their own.
_NEVER_SHOWN = ("environment ", "global sys.argv", "global argv")
_SELF_NAMED = frozenset(("helper", "class", "module", "library", "distribution"))


@dataclass(slots=True)
class Edge:
    """A part of an object: how it counts (`key`) and what a person calls it (`noun`, `text`).

    Not frozen: the thousands that a plan has take three times as long to make then.
    """

    key: str
    noun: str
    text: str
    node: Node

    @property
    def name(self) -> str:
        """What a person calls the part: by what it is where that says more than where it is."""
        noun = (
            self.node.noun if self.noun == "global" and self.node.noun in _SELF_NAMED else self.noun
        )
        return f"{noun} {self.text}".strip()


@dataclass(slots=True, eq=False)
class Node:
    """An object with its label (all that counts of it alone) and its parts."""

    value: object
    came: tuple[Node, str] | None
    noun: str = "value"
    label: bytes = b""
    edges: list[Edge] = field(default_factory=list)
    unordered: bool = False
    shown: str | None = None
    sees: Reads = Reads.NOTHING
    distributions: frozenset[Distribution] = frozenset()
    digest: bytes | None = None
    component: int = -1
    children: tuple[Tree, ...] | None = None
    trees: dict[str, Tree] = field(default_factory=dict)


def path_to(node: Node, name: str) -> str:
    """Name the way from the root, called `name`, to a node."""
    parts: list[str] = []
    while node.came is not None:
        node, part = node.came
        parts.append(part)
    return " → ".join((name, *reversed(parts)))


def digest_all(root: Node) -> None:
    """Give a digest to every node that `root` reaches."""
    for component in _components(root):
        first = component[0]
        looped = len(component) > 1 or any(edge.node is first for edge in first.edges)
        _gather(component)
        if looped:
            _digest_cycle(component)
        else:
            first.digest = _mix(first, b"node", {})
            first.children = _trees(first)


def _gather(component: list[Node]) -> None:
    """Give the members of a component all that they and their parts see and reach."""
    kinds, reached = set[Reads](), set[frozenset[Distribution]]()
    for node in component:
        kinds.add(node.sees)
        reached.add(node.distributions)
        for edge in node.edges:
            kinds.add(edge.node.sees)
            reached.add(edge.node.distributions)
    # Joined only where they differ: most see nothing, and joining flags is slow.
    sees = reduce(or_, kinds)
    distributions = reduce(or_, reached)
    for node in component:
        node.sees, node.distributions = sees, distributions


def _mix(node: Node, tag: bytes, colours: dict[int, bytes]) -> bytes:
    parts: list[bytes] = []
    for edge in node.edges:
        key = edge.key.encode("utf-8", "surrogatepass")
        child = colours.get(id(edge.node)) or edge.node.digest
        parts.append(b"%d:%s%s" % (len(key), key, child))
    if node.unordered:
        parts.sort()
    return hashlib.sha256(b"".join((tag, b"%d:" % len(node.label), node.label, *parts))).digest()


def _digest_cycle(component: list[Node]) -> None:
    colours = {id(node): hashlib.sha256(node.label).digest() for node in component}
    classes = len(set(colours.values()))
    while True:
        colours_next = {id(node): _mix(node, b"cycle", colours) for node in component}
        classes_next = len(set(colours_next.values()))
        if classes_next == classes:
            break
        colours, classes = colours_next, classes_next
    # The classes and what each leads to are the whole automaton; a member is one state of it.
    whole = hashlib.sha256(b"".join(sorted(set(colours_next.values())))).digest()
    for node in component:
        node.digest = hashlib.sha256(b"member" + colours_next[id(node)] + whole).digest()


def _components(root: Node) -> Iterator[list[Node]]:
    """Tarjan's strongly connected components, without recursion, parts before wholes."""
    if root.digest is not None:
        return
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    open_nodes: list[Node] = []
    is_open: set[int] = set()
    stack: list[tuple[Node, int]] = [(root, 0)]
    while stack:
        node, position = stack.pop()
        key = id(node)
        if position == 0:
            order[key] = low[key] = len(order)
            open_nodes.append(node)
            is_open.add(key)
        else:
            low[key] = min(low[key], low[id(node.edges[position - 1].node)])
        for index in range(position, len(node.edges)):
            child = node.edges[index].node
            if child.digest is not None:
                continue
            if id(child) not in order:
                stack.append((node, index + 1))
                stack.append((child, 0))
                break
            if id(child) in is_open:
                low[key] = min(low[key], order[id(child)])
        else:
            if low[key] == order[key]:
                at = open_nodes.index(node) if open_nodes[-1] is not node else len(open_nodes) - 1
                component = open_nodes[at:]
                del open_nodes[at:]
                for member in component:
                    is_open.discard(id(member))
                    member.component = key
                yield component


def tree_of(node: Node, name: str) -> Tree:
    """Show a node, whose digest is known, as a tree."""
    if node.children is None:
        node.children = _trees_in_cycle(node)
    if name not in node.trees:
        node.trees[name] = _tree(node, name, node.children)
    return node.trees[name]


def _tree(node: Node, name: str, children: tuple[Tree, ...]) -> Tree:
    value = node.value
    code = value.__code__ if type(value) is FunctionType and node.noun == "helper" else None
    place = "" if code is None and node.noun != "class" else place_of(value)
    return Tree(name, _hex(node), _shown(node, name), children, own_mark(node.label), place, code)


def _hex(node: Node) -> str:
    return (node.digest or b"").hex()


def _shown(node: Node, name: str) -> str | None:
    if node.shown is None or name.startswith(_NEVER_SHOWN) or SECRET.search(name):
        return None
    return None if SECRET.search(node.shown) else node.shown


def _trees(node: Node) -> tuple[Tree, ...]:
    if len(node.edges) > MOST_SHOWN and node.noun == "value":
        return tuple(
            leaf(f"distribution {known.name}", known.name, known.version, shown=known.version)
            for known in sorted(node.distributions, key=lambda known: known.name)
        )
    return tuple(tree_of(edge.node, edge.name) for edge in node.edges)


def _trees_in_cycle(entry: Node) -> tuple[Tree, ...]:
    """Show each member of a cycle in full once, nearest to the entry."""
    order = [entry]
    seen = {id(entry)}
    under: dict[int, set[int]] = {}
    for node in order:
        for position, edge in enumerate(node.edges):
            child = edge.node
            if child.component == entry.component and id(child) not in seen:
                seen.add(id(child))
                under.setdefault(id(node), set()).add(position)
                order.append(child)
    made: dict[int, tuple[Tree, ...]] = {}
    for node in reversed(order):
        own = under.get(id(node), set())
        made[id(node)] = tuple(
            tree_of(edge.node, edge.name)
            if edge.node.component != entry.component
            else _tree(edge.node, edge.name, made[id(edge.node)])
            if position in own
            # Told where it is shown in full.
            else Tree(edge.name, _hex(edge.node))
            for position, edge in enumerate(node.edges)
        )
    return made[id(entry)]


def reached_distributions(trees: Iterable[Tree]) -> dict[str, str]:
    """Names and versions of the distributions that trees show."""
    found = {
        each.name.removeprefix("distribution "): each.shown
        for each in walk_tree(*trees)
        if each.name.startswith("distribution ") and each.shown is not None
    }
    return dict(sorted(found.items()))
