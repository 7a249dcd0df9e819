"""The nodes of a plan: immutable, and free of Dask, Zarr and I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Protocol, TypeAlias

from dtset.plan.context import TSetContext
from dtset.plan.user_function import UserFunction

__all__ = [
    "PASSED_THROUGH",
    "Cache",
    "Exchange",
    "FunctionFiles",
    "Node",
    "Persist",
    "Source",
    "SourceData",
    "Transform",
    "described",
    "operators",
    "title",
    "topological",
]

# Operators that change nothing: Twister2's links between partitions of the same number.
PASSED_THROUGH = ("direct", "pipe")

_numbers = count(1)


class SourceData(Protocol):
    """What a source gives: its elements by partition, and what they depend on."""

    def identity(self) -> object:
        """Return what the elements depend on, for the fingerprint."""

    def elements(self, ctx: TSetContext) -> Iterable[object]:
        """Return the elements of one partition."""


class FunctionFiles(Protocol):
    """Files that a user's function reads by itself."""

    def identity(self) -> Mapping[str, str]:
        """Return what tells their present contents from others, by name."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Source:
    """Elements from outside the plan."""

    operator: str
    data: SourceData
    parallelism: int
    files: FunctionFiles | None = None
    name: str | None = None
    number: int = field(default_factory=_numbers.__next__)

    @property
    def inputs(self) -> tuple[Node, ...]:
        """The nodes it reads: none."""
        return ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Transform:
    """A function over the elements of each partition; runs fused with its neighbours."""

    operator: str
    input: Node
    function: UserFunction | None = None
    files: FunctionFiles | None = None
    name: str | None = None
    number: int = field(default_factory=_numbers.__next__)

    @property
    def inputs(self) -> tuple[Node, ...]:
        """The nodes it reads."""
        return (self.input,)

    @cached_property
    def parallelism(self) -> int:
        """Number of partitions: the input's."""
        return _first_known(self.input).parallelism


@dataclass(frozen=True, eq=False, kw_only=True)
class Exchange:
    """An operator that moves elements between partitions."""

    operator: str
    function: UserFunction
    input: Node
    parallelism: int
    files: FunctionFiles | None = None
    name: str | None = None
    number: int = field(default_factory=_numbers.__next__)

    @property
    def inputs(self) -> tuple[Node, ...]:
        """The nodes it reads."""
        return (self.input,)


@dataclass(frozen=True, eq=False, kw_only=True)
class Persist:
    """Elements that are committed to the store.

    Once they are, the handle on them has no input any more, so that what is above becomes garbage.
    """

    input: Node | None
    parallelism: int
    refresh: bool = False
    operator: str = "persist"
    name: str | None = None
    number: int = field(default_factory=_numbers.__next__)

    @property
    def inputs(self) -> tuple[Node, ...]:
        """The nodes it reads."""
        return () if self.input is None else (self.input,)


class Lifetime:
    """Ends when the last node that holds it is gone."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Cache:
    """Elements that are kept in memory until nothing refers to them any more.

    Copies of the node share its `lifetime`: when that is gone, they all are.
    """

    input: Node
    lifetime: Lifetime = field(default_factory=Lifetime)
    operator: str = "cache"
    name: str | None = None
    number: int = field(default_factory=_numbers.__next__)

    @property
    def inputs(self) -> tuple[Node, ...]:
        """The nodes it reads."""
        return (self.input,)

    @cached_property
    def parallelism(self) -> int:
        """Number of partitions: the input's."""
        return _first_known(self.input).parallelism


Node: TypeAlias = Source | Transform | Exchange | Persist | Cache


def _first_known(node: Node) -> Node:
    """The node above that knows how many partitions there are, however long the chain."""
    while isinstance(node, Transform | Cache) and "parallelism" not in vars(node):
        node = node.input
    return node


def topological(*targets: Node) -> list[Node]:
    """Nodes that the targets depend on, and the targets, each after its inputs and once.

    Examples
    --------
    >>> from dtset.plan.nodes import Cache, Source, topological
    >>> source = Source(operator="range", data=None, parallelism=2)
    >>> [node.operator for node in topological(Cache(input=source))]
    ['range', 'cache']
    """
    ordered: dict[int, Node] = {}
    visited: set[int] = set()
    stack: list[tuple[Node, bool]] = [(target, False) for target in reversed(targets)]
    while stack:
        node, done = stack.pop()
        if done:
            ordered[node.number] = node
        elif node.number not in visited:
            visited.add(node.number)
            stack.append((node, True))
            stack.extend((each, False) for each in reversed(node.inputs))
    return list(ordered.values())


def described(node: Node) -> str:
    """What messages call a node: its operator and its function.

    Examples
    --------
    >>> described(Source(operator="range", data=None, parallelism=2))
    'range'
    """
    function = node.function if isinstance(node, Transform | Exchange) else None
    if isinstance(node, Source):
        function = getattr(node.data, "function", None)
    label = node.name if isinstance(node, Persist | Cache) else getattr(function, "label", None)
    return node.operator if label is None else f"{node.operator} {label}"


def operators(node: Node) -> list[str]:
    """Operators of a node and of all above it, as messages call them, links apart."""
    return [described(each) for each in topological(node) if each.operator not in PASSED_THROUGH]


def title(node: Persist) -> str:
    """Name of a persisted TSet: the one that the user gave it, else that of its last operator.

    Examples
    --------
    >>> title(Persist(input=Source(operator="range", data=None, parallelism=2), parallelism=2))
    'range'
    """
    if node.name is not None or node.input is None:
        return node.name or node.operator
    above = node.input
    while isinstance(above, Transform) and above.operator in PASSED_THROUGH:
        above = above.input
    return above.name or described(above)
