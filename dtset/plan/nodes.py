"""The nodes of a plan: immutable, of five kinds, and free of Dask, Zarr and I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import count
from typing import Protocol

from dtset.plan.attempts import Attempts
from dtset.plan.reads import FileRange
from dtset.plan.user_function import Accepted, UserFunction

_numbers = count(1)
BEFORE = "before"
"""The parameter of a zip whose inputs' partitions come one after the other: how many are before those of each."""


class Content(Enum):
    """What a compute after an operator is given."""

    ELEMENTS = "an iterator over the elements"
    VALUE = "the one value"
    SOURCED = "an iterator over pairs of the partition that an element came from, and the element"


class Operator(Protocol):
    """What a plan knows of an operator; what it does is said in `dtset.operators`."""

    @property
    def name(self) -> str:
        """What people call it: that of its method."""

    @property
    def takes(self) -> Mapping[str, Accepted]:
        """The user's functions that it takes, by role, in which forms."""

    @property
    def is_link(self) -> bool:
        """Whether it gives what it reads as it is: Twister2's links between partitions of the same number."""

    @property
    def is_independent(self) -> bool:
        """Whether a partition of its result depends on the same partition of its inputs only."""

    @property
    def content(self) -> Content:
        """What a compute after it is given."""


class SourceData(Protocol):
    """What a source that is not a function reads: what it depends on, and how it is read by partition."""

    def identity(self) -> object:
        """Return what the elements depend on, for the fingerprint."""

    def reads(self, partitions: int) -> Sequence[tuple[object, Sequence[FileRange]]]:
        """Return what each partition's elements depend on: a value, and parts of files."""


class FunctionFiles(Protocol):
    """Files that a user's function reads by itself."""

    def identity(self) -> Mapping[str, str]:
        """Return what tells their present contents from others, by name."""


class Mark:
    """Tells a node, its copies included, from all others; the `origin` is that of a snapshot's original."""

    __slots__ = ("__weakref__", "number", "origin")

    def __init__(self, of: Mark | None = None) -> None:
        self.number = next(_numbers)
        self.origin: int = self.number if of is None else of.origin


@dataclass(frozen=True, eq=False, kw_only=True)
class Node:
    """What all five kinds of nodes have.

    Functions are by role; `sides`, the side inputs that are bound to it now, are the one thing of a plan that
    changes. `attempts` say how a function of elements is called, and are no part of what is computed: what of them is,
    is in `params`. `files` are what the functions read by themselves, and the `mark` is what copies of it share.
    """

    operator: Operator
    inputs: tuple[Node, ...] = ()
    parallelism: int = 0
    functions: Mapping[str, UserFunction] = field(default_factory=dict)
    params: Mapping[str, object] = field(default_factory=dict)
    attempts: Attempts | None = None
    sides: dict[str, Node] = field(default_factory=dict)
    files: FunctionFiles | None = None
    name: str | None = None
    mark: Mark = field(default_factory=Mark)

    def __post_init__(self) -> None:
        if not self.parallelism:
            object.__setattr__(self, "parallelism", self.inputs[0].parallelism)

    @property
    def sees_ctx(self) -> bool:
        """Whether a function of it could ask for a side input."""
        return any(function.sees_ctx for function in self.functions.values())


@dataclass(frozen=True, eq=False, kw_only=True)
class Source(Node):
    """Elements from outside the plan, from `data` or from a function of the user's."""

    data: SourceData | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Apply(Node):
    """An operator over the elements of each partition of its one input; runs fused with its neighbours."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Exchange(Node):
    """An operator that moves elements between partitions, of several inputs for a join."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Zip(Node):
    """Partitions of several nodes put together: those of the same number, or of that less how many are `before` an input's."""

    @property
    def is_behind(self) -> bool:
        """Whether partitions come one behind the other."""
        return BEFORE in self.params

    @property
    def before(self) -> Sequence[int]:
        """How many partitions are before those of each input."""
        before = self.params.get(BEFORE)
        return before if isinstance(before, tuple) else (0,) * len(self.inputs)


@dataclass(frozen=True)
class _Keeping:
    """The operator of a stored node: keeps the elements as they are."""

    name: str
    takes: Mapping[str, Accepted] = field(default_factory=dict)
    is_link: bool = False
    is_independent: bool = True
    content: Content = Content.ELEMENTS


_PERSIST, _CACHE = _Keeping("persist"), _Keeping("cache")


@dataclass(frozen=True, eq=False, kw_only=True)
class Stored(Node):
    """Elements that are kept: in the store if `durable`, a persist, else in memory, a cache.

    Once a persist is carried out, the handle on it has no input any more, so that what is above becomes
    garbage. A cache is kept until its mark is gone. With `refresh`, elements are computed although they are in
    the store. What an operation keeps for itself, not the user, is `late`: side inputs above it are bound with all others.
    """

    operator: Operator = field(init=False, default=_CACHE)
    durable: bool
    refresh: bool = False
    late: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "operator", _PERSIST if self.durable else _CACHE)
        Node.__post_init__(self)


def is_link(node: Node) -> bool:
    """Whether a node gives what it reads as it is."""
    return isinstance(node, Apply) and node.operator.is_link


def through_links(node: Node) -> Node:
    """The node whose elements a link gives on, or the node itself."""
    while is_link(node):
        node = node.inputs[0]
    return node


def topological(*targets: Node, until: Callable[[Node], bool] | None = None) -> list[Node]:
    """Nodes that the targets depend on, and the targets, each once and after its inputs; none above one of which `until` is true."""
    ordered: dict[Mark, Node] = {}
    visited: set[Mark] = set()
    stack: list[tuple[Node, bool]] = [(target, False) for target in reversed(targets)]
    while stack:
        node, done = stack.pop()
        if done:
            ordered[node.mark] = node
        elif node.mark not in visited:
            visited.add(node.mark)
            stack.append((node, True))
            if until is None or not until(node):
                stack.extend((above, False) for above in reversed(upstream(node)))
    return list(ordered.values())


def upstream(node: Node) -> tuple[Node, ...]:
    """Return the nodes that a node reads, side inputs included."""
    return (*node.inputs, *node.sides.values())


def snapshot_of_sides(target: Node, *, lasting: bool = False) -> Node:
    """Return a plan as its side inputs are bound now; if it is `lasting`, whatever is bound to its nodes later.

    What was stored before keeps what it was made from: its inputs are lasting snapshots already.
    """
    copies: dict[Mark, Node] = {}
    for node in topological(target, until=_is_fixed):
        if _is_fixed(node):
            continue
        inputs = tuple(copies.get(above.mark, above) for above in node.inputs)
        is_bound = bool(node.sides) or (lasting and node.sees_ctx)
        if not is_bound and inputs == node.inputs:
            continue
        sides = {name: copies.get(stored.mark, stored) for name, stored in node.sides.items()}
        copies[node.mark] = replace(node, inputs=inputs, sides=sides, mark=Mark(node.mark))
    return copies.get(target.mark, target)


def merged(ends: Sequence[Node]) -> list[Node]:
    """Return plans in which copies of one node that read the same are one, so that it is computed once."""
    first: dict[object, Node] = {}
    made: dict[Mark, Node] = {}
    for node in topological(*ends, until=_is_stored):
        if isinstance(node, Stored):
            made[node.mark] = node
            continue
        inputs = tuple(made[above.mark] for above in node.inputs)
        sides = tuple(sorted((name, stored.mark.number) for name, stored in node.sides.items()))
        reads = (node.mark.origin, tuple(above.mark for above in inputs), sides, node.name)
        made[node.mark] = first.setdefault(reads, replace(node, inputs=inputs))
    return [made[end.mark] for end in ends]


def _is_stored(node: Node) -> bool:
    return isinstance(node, Stored)


def _is_fixed(node: Node) -> bool:
    """Whether a node keeps what it was made from when the user stored it."""
    return isinstance(node, Stored) and not node.late


def described(node: Node) -> str:
    """What messages call a node: its operator and its function."""
    labels = [function.label for function in node.functions.values() if function.label]
    if isinstance(node, Stored) and node.name is not None:
        labels = [node.name]
    return " ".join([node.operator.name, *labels])


def operators(node: Node) -> list[str]:
    """Operators of a node and of all above it, as messages call them, links apart."""
    return [described(above) for above in topological(node) if not is_link(above)]


def title(node: Stored) -> str:
    """Name of a persisted TSet: the one that the user gave it, else that of its last operator."""
    if node.name is not None or not node.inputs:
        return node.name or node.operator.name
    above = through_links(node.inputs[0])
    return above.name or described(above)
