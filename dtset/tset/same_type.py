"""Operations that give elements of the type that they are given: pairs stay pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, Protocol, Self, TypeVar, Unpack, overload

from dtset.errors import ConfigurationError
from dtset.operators.by_key import DISTINCT
from dtset.operators.elementwise import FILTER
from dtset.operators.links import ALL_GATHER, ALL_REDUCE, DIRECT, GATHER, PIPE, REPLICATE
from dtset.operators.pairwise import SORT_BY, VALUES
from dtset.operators.partitioning import PARTITION
from dtset.operators.places import SAMPLE
from dtset.operators.reductions import REDUCE
from dtset.operators.sorting import SORT_ELEMENTS
from dtset.operators.unions import CONCAT, UNION
from dtset.plan.context import TSetContext
from dtset.plan.nodes import BEFORE, Apply, Exchange, Node, Zip
from dtset.session.arguments import a_boolean
from dtset.tset.checks import (
    Given,
    GivenEach,
    check_input,
    check_sample,
    of_one_session,
    partitions_of,
    zipped,
)
from dtset.tset.handle import Handle
from dtset.tset.nodes import Partition, applied, exchanged, repartitioned, sorted_by_key
from dtset.tset.storing import InMemory, InStore

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
    def filter(self: Alike[S], f: Callable[[T], object], **given: Unpack[GivenEach]) -> S: ...
    @overload
    def filter(
        self: Alike[S], f: Callable[[T, TSetContext], object], **given: Unpack[GivenEach]
    ) -> S: ...
    def filter(self: Alike[S], f: Callable[..., object], **given: Unpack[GivenEach]) -> S:
        """Keep the elements for which ``f(x)``, or ``f(x, ctx)``, is true; pairs stay pairs."""
        return self._like(applied(FILTER, self._node, f, given))

    def reduce(self: Plain[S], f: Callable[[T, T], T], **given: Unpack[Given]) -> S:
        """Reduce all elements to one value, by an associative ``f(a, b)``, in one partition.

        Partitions are reduced first, then their values in the order of the partitions. If there are no elements,
        it is an EmptyTSetError when it is computed.

        Examples
        --------
        >>> env.range(5).reduce(lambda a, b: a + b).first()
        10
        """
        return self._plain(exchanged(REDUCE, self._node, 1, f, given))

    def all_reduce(self: Plain[S], f: Callable[[T, T], T], **given: Unpack[Given]) -> S:
        """Reduce all elements to one value, as `reduce` does, in each partition.

        Examples
        --------
        >>> env.range(5, parallelism=2).all_reduce(max).collect()
        [4, 4]
        """
        value = exchanged(REDUCE, self._node, 1, f, given)
        return self._plain(
            Exchange(operator=ALL_REDUCE, inputs=(value,), parallelism=self._node.parallelism)
        )

    def gather(self: Alike[S]) -> S:
        """Bring all elements to one partition, in the order of those they come from.

        A `compute` after it sees pairs ``(source_index, value)``, anything else the values.

        Examples
        --------
        >>> env.range(4, parallelism=2).gather().compute(lambda itr, ctx: list(itr)).collect()
        [[(0, 0), (0, 1), (1, 2), (1, 3)]]
        """
        return self._like(Exchange(operator=GATHER, inputs=(self._node,), parallelism=1))

    def all_gather(self: Alike[S]) -> S:
        """Bring all elements to each partition, as `gather` brings them to one."""
        return self._like(Exchange(operator=ALL_GATHER, inputs=(self._node,)))

    def replicate(self: Alike[S], n: int) -> S:
        """Bring the elements of the one partition there is to each of `n`; several are a ConfigurationError."""
        number = partitions_of("replicate()", n, 1)
        if self.parallelism != 1:
            raise ConfigurationError(
                f"replicate() copies one partition, and there are {self.parallelism}: call gather() before, or "
                "all_gather() instead"
            )
        return self._like(Exchange(operator=REPLICATE, inputs=(self._node,), parallelism=number))

    def repartition(self: Alike[S], n: int) -> S:
        """Spread the elements over `n` partitions of about one length, in their order.

        They are counted before: where they cost much to compute, `cache` or `persist` them first.

        Examples
        --------
        >>> parts = env.range(9, parallelism=2).filter(lambda i: i > 2).repartition(3)
        >>> parts.compute(lambda itr, ctx: list(itr)).collect()
        [[3, 4], [5, 6], [7, 8]]
        """
        return self._like(repartitioned(self._node, partitions_of("repartition()", n, 1)))

    @overload
    def sort_by(
        self: Alike[S], f: Callable[[T], object], ascending: bool = ..., **given: Unpack[Given]
    ) -> S: ...
    @overload
    def sort_by(
        self: Alike[S],
        f: Callable[[T, TSetContext], object],
        ascending: bool = ...,
        **given: Unpack[Given],
    ) -> S: ...
    def sort_by(
        self: Alike[S], f: Callable[..., object], ascending: bool = True, **given: Unpack[Given]
    ) -> S:
        """Sort the elements by ``f(x)``, or ``f(x, ctx)``, over all partitions, as `KeyedTSet.sort_by_key` sorts pairs.

        Examples
        --------
        >>> env.parallelize(["ccc", "a", "bb"], 2).sort_by(len).collect()
        ['a', 'bb', 'ccc']
        """
        keyed = applied(SORT_BY, self._node, f, given)
        params = {"ascending": a_boolean("ascending", ascending)}
        node = sorted_by_key(SORT_ELEMENTS, keyed, self.parallelism, None, {}, **params)
        return self._like(Apply(operator=VALUES, inputs=(node,)))

    @overload
    def concat(self: Alike[S], *others: S) -> S: ...
    @overload
    def concat(self: Plain[S], *others: Handle[T]) -> S: ...
    def concat(self: Any, *others: object) -> Any:
        """Put the partitions of several TSets one after the other, with as many as all of them have: PySpark's ``union``.

        Nothing moves. Pairs stay pairs if all of them are.

        Examples
        --------
        >>> env.range(4, parallelism=2).concat(env.range(10, 12, parallelism=1)).parallelism
        3
        """
        tsets = of_one_session("concat()", self, others)
        ends = list(accumulate((tset.parallelism for tset in tsets), initial=0))
        node = Zip(
            operator=CONCAT,
            inputs=tuple(tset._node for tset in tsets),
            parallelism=ends[-1],
            params={BEFORE: tuple(ends[:-1])},
        )
        return self._like(node) if all(tset._is_keyed for tset in tsets) else self._plain(node)

    def partition(
        self: Alike[S], f: Partition[T], parallelism: int | None = None, **given: Unpack[Given]
    ) -> S:
        """Move every element to the partition that ``f(x)`` names, of as many as there are or of `parallelism`.

        Or a `PartitionFunc`, of one's own or of ``env.functions.partition``.
        Elements of a partition are in the order of the partitions that they came from; pairs stay pairs.

        Examples
        --------
        >>> env.range(6, parallelism=3).partition(lambda i: i % 2, 2).collect()
        [0, 2, 4, 1, 3, 5]
        """
        number = partitions_of("partition()", parallelism, self.parallelism)
        return self._like(exchanged(PARTITION, self._node, number, f, given))

    @overload
    def union(self: Alike[S], other: S | Sequence[S]) -> S: ...
    @overload
    def union(self: Plain[S], other: Handle[T] | Sequence[Handle[T]]) -> S: ...
    def union(self: Any, other: object) -> Any:
        """Put partitions of several TSets with as many partitions together, those of the same number.

        Pairs stay pairs if all of them are.

        Examples
        --------
        >>> env.range(4, parallelism=2).union(env.range(10, 12, parallelism=2)).collect()
        [0, 1, 10, 2, 3, 11]
        """
        tsets = zipped("union()", self, other)
        node = Zip(operator=UNION, inputs=tuple(tset._node for tset in tsets))
        return self._like(node) if all(tset._is_keyed for tset in tsets) else self._plain(node)

    def distinct(self: Alike[S]) -> S:
        """Give each element once, as the keys of a ``dict``: of equal ones the first; pairs stay pairs.

        Examples
        --------
        >>> sorted(env.parallelize([1, 2, 1.0, True], 2).distinct().collect())
        [1, 2]
        """
        return self._like(Exchange(operator=DISTINCT, inputs=(self._node,)))

    def sample(self: Alike[S], fraction: float, seed: int) -> S:
        """Keep each element with a probability of `fraction`, from 0 to 1: the same ones for the same seed and partitions."""
        checked, number = check_sample(fraction, seed)
        params = {"fraction": checked, "seed": number}
        return self._like(Apply(operator=SAMPLE, inputs=(self._node,), params=params))

    def add_input(self, name: str, stored: InMemory[Any] | InStore[Any]) -> Self:
        """Let the function of this TSet see cached or persisted elements, as ``ctx.get_input(name)``; return it.

        Each partition sees the one of its number, or all see the one there is. Bound late, as in Twister2: what is
        bound to the name when an action runs, or when a cache or a persist is made, counts, so that a loop may
        bind it anew.

        Examples
        --------
        >>> limit = env.parallelize([3], 1).cache()
        >>> small = env.range(6, parallelism=2).filter(lambda i, ctx: i < ctx.get_input("limit").first())
        >>> small.add_input("limit", limit).collect()
        [0, 1, 2]
        """
        check_input(self, name, stored)
        self._node.sides[name] = stored._node
        return self
