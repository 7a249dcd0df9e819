"""Operations on pairs that give pairs of the same types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar, Unpack

from dtset.operators.gathering import KEYED_GATHER_UNGROUPED
from dtset.operators.links import DIRECT, PIPE
from dtset.operators.partitioning import KEYED_PARTITION, PARTITION_FUNCTION
from dtset.operators.reductions import KEYED_REDUCE
from dtset.operators.sorting import SORT_BY_KEY
from dtset.plan.nodes import Apply
from dtset.session.arguments import a_boolean
from dtset.tset.checks import Given, partitions_of
from dtset.tset.nodes import Partition, exchanged, grouping, keyed_exchange, sorted_by_key
from dtset.tset.same_type import Alike

K = TypeVar("K")
V = TypeVar("V")
S = TypeVar("S")


class SamePairs(Generic[K, V]):
    """The operations of a keyed TSet that give pairs of its own types."""

    def keyed_reduce(self: Alike[S], f: Callable[[V, V], V], **given: Unpack[Given]) -> S:
        """Reduce the values of each key, in each partition first, by an associative ``f(a, b)``: one pair a key.

        Examples
        --------
        >>> words = env.parallelize(["a", "b", "a"], 2).map_to_tuple(lambda word: (word, 1))
        >>> sorted(words.keyed_reduce(lambda a, b: a + b).collect())
        [('a', 2), ('b', 1)]
        """
        node = exchanged(KEYED_REDUCE, self._node, self.parallelism, f, given)
        return self._like(node)

    def keyed_direct(self: Alike[S]) -> S:
        """Link each partition to the one of the same number: changes nothing (Twister2's link)."""
        return self._like(Apply(operator=DIRECT, inputs=(self._node,)))

    def keyed_pipe(self: Alike[S]) -> S:
        """Link each partition to the one of the same number: changes nothing (Twister2's link)."""
        return self._like(Apply(operator=PIPE, inputs=(self._node,)))

    def keyed_partition(self: Alike[S], partition_func: Partition[K], **given: Unpack[Given]) -> S:
        """Move every pair to the partition that a function of its key names: as `partition`, which gets the pair."""
        by_role = {PARTITION_FUNCTION: partition_func}
        node = keyed_exchange(KEYED_PARTITION, (self._node,), self.parallelism, by_role, given)
        return self._like(node)

    def keyed_gather_ungrouped(
        self: Alike[S],
        partition_func: Partition[K] | None = None,
        key_comparator: Callable[[K, K], int] | None = None,
        use_disk: bool = False,
        **given: Unpack[Given],
    ) -> S:
        """Put the pairs of each key together, one after the other, as `keyed_gather` groups their values."""
        asked = (partition_func, key_comparator, use_disk)
        return self._like(grouping(KEYED_GATHER_UNGROUPED, (self._node,), *asked, given))

    def sort_by_key(
        self: Alike[S],
        ascending: bool = True,
        key_comparator: Callable[[K, K], int] | None = None,
        parallelism: int | None = None,
        use_disk: bool = False,
        **given: Unpack[Given],
    ) -> S:
        """Sort the pairs by key: over all partitions, those of one key in the order in which they are now.

        Partitions become about as large as each other, after a first pass over the keys; those of one key are in one.
        Where the pairs cost much to compute, `cache` or `persist` them before.

        Without a `key_comparator`, keys are compared by ``<``; without a `parallelism`, there are as many partitions as now.

        Examples
        --------
        >>> env.parallelize({"b": 1, "c": 2, "a": 3}, 2).sort_by_key().collect()
        [('a', 3), ('b', 1), ('c', 2)]
        """
        number = partitions_of("sort_by_key()", parallelism, self.parallelism)
        params = {
            "ascending": a_boolean("ascending", ascending),
            "use_disk": a_boolean("use_disk", use_disk),
        }
        return self._like(
            sorted_by_key(SORT_BY_KEY, self._node, number, key_comparator, given, **params)
        )
