"""Operations that give elements of the type that they are given: pairs stay pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar, Unpack, overload

from dtset.operators.elementwise import FILTER
from dtset.operators.links import DIRECT, PIPE
from dtset.operators.partitioning import PARTITION
from dtset.operators.reductions import REDUCE
from dtset.operators.unions import UNION
from dtset.plan.attempts import Trying
from dtset.plan.context import TSetContext
from dtset.plan.nodes import Apply, Node, Zip
from dtset.tset.checks import check_input, partitions_of, zipped
from dtset.tset.handle import Handle
from dtset.tset.nodes import applied, exchanged
from dtset.tset.stored import InMemory, InStore

if TYPE_CHECKING:
    from dtset.io.files import Urls

T = TypeVar("T")
S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)


class Alike(Protocol[S_co]):
    """A TSet, and the class of those that are of its kind: that of pairs, if its elements are pairs."""

    _node: Node

    @property
    def parallelism(self) -> int: ...  # noqa: D102

    def _like(self, node: Node) -> S_co: ...


class Plain(Protocol[S_co]):
    """A TSet, and the class of those whose elements are not known to be pairs."""

    _node: Node

    def _plain(self, node: Node) -> S_co: ...


class SameType(Handle[T]):
    """The operations of a TSet that give elements of its own type."""

    def direct(self: Alike[S]) -> S:
        """Link each partition to the one of the same number: changes nothing (Twister2's link)."""
        return self._like(Apply(operator=DIRECT, inputs=(self._node,)))

    def pipe(self: Alike[S]) -> S:
        """Link each partition to the one of the same number: changes nothing (Twister2's link)."""
        return self._like(Apply(operator=PIPE, inputs=(self._node,)))

    @overload
    def filter(
        self: Alike[S],
        f: Callable[[T], object],
        *,
        depends_on: Urls | None = ...,
        **trying: Unpack[Trying],
    ) -> S: ...
    @overload
    def filter(
        self: Alike[S],
        f: Callable[[T, TSetContext], object],
        *,
        depends_on: Urls | None = ...,
        **trying: Unpack[Trying],
    ) -> S: ...
    def filter(
        self: Alike[S],
        f: Callable[..., object],
        *,
        depends_on: Urls | None = None,
        **trying: Unpack[Trying],
    ) -> S:
        """Keep the elements for which ``f(x)``, or ``f(x, ctx)``, is true; pairs stay pairs."""
        return self._like(applied(FILTER, self._node, f, depends_on, trying))

    def reduce(self: Plain[S], f: Callable[[T, T], T], *, depends_on: Urls | None = None) -> S:
        """Reduce all elements to one value, by an associative ``f(a, b)``, in one partition.

        Partitions are reduced first, then their values in the order of the partitions. If there are no elements,
        it is an EmptyTSetError when it is computed.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-reduce") as env:
        ...     env.range(5).reduce(lambda a, b: a + b).first()
        10
        """
        return self._plain(exchanged(REDUCE, self._node, 1, f, depends_on))

    def partition(
        self: Alike[S],
        f: Callable[[T], int],
        parallelism: int | None = None,
        *,
        depends_on: Urls | None = None,
    ) -> S:
        """Move every element to the partition that ``f(x)`` names, of as many as there are or of `parallelism`.

        Elements of a partition are in the order of the partitions that they came from; pairs stay pairs.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-partition") as env:
        ...     env.range(6, parallelism=3).partition(lambda i: i % 2, 2).collect()
        [0, 2, 4, 1, 3, 5]
        """
        number = partitions_of("partition()", parallelism, self.parallelism)
        return self._like(exchanged(PARTITION, self._node, number, f, depends_on))

    @overload
    def union(self: Alike[S], other: S | Sequence[S]) -> S: ...
    @overload
    def union(self: Plain[S], other: Handle[T] | Sequence[Handle[T]]) -> S: ...
    def union(self: Any, other: object) -> Any:
        """Put partitions of several TSets with as many partitions together, those of the same number.

        Pairs stay pairs if all of them are.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-union") as env:
        ...     env.range(4, parallelism=2).union(env.range(10, 12, parallelism=2)).collect()
        [0, 1, 10, 2, 3, 11]
        """
        tsets = zipped("union()", self, other)
        node = Zip(operator=UNION, inputs=tuple(tset._node for tset in tsets))
        return self._like(node) if all(tset._is_keyed for tset in tsets) else self._plain(node)

    def add_input(self, name: str, stored: InMemory[Any] | InStore[Any]) -> Self:
        """Let the function of this TSet see cached or persisted elements, as ``ctx.get_input(name)``; return it.

        Each partition sees the one of its number, or all see the one there is. Bound late, as in Twister2: what is
        bound to the name when an action runs, or when a cache or a persist is made, counts, so that a loop may
        bind it anew.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-input") as env:
        ...     limit = env.parallelize([3], 1).cache()
        ...     small = env.range(6, parallelism=2).filter(lambda i, ctx: i < ctx.get_input("limit").first())
        ...     small.add_input("limit", limit).collect()
        [0, 1, 2]
        """
        check_input(self, name, stored)
        self._node.sides[name] = stored._node
        return self
