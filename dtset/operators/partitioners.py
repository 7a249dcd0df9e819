"""Partition functions that are there: ``env.functions.partition``."""

from __future__ import annotations

from typing import Any, ClassVar

from dtset.errors import UsageError
from dtset.exchange.stable_hash import target_of
from dtset.plan.partition_func import PartitionFunc


class Partitioner(PartitionFunc):
    """A partition function of ours: part of a plan by its name."""

    name: ClassVar[str]

    @classmethod
    def check(cls, sources: int, destinations: int) -> None:
        """Make sure, before anything is run, that it can send from so many partitions to so many."""

    def prepare(self, sources: set[int], destinations: set[int]) -> None:
        """Get ready to send from one set of partitions to another."""
        self._destinations = sorted(destinations)


class Hashing(Partitioner):
    """Values that are equal go to one partition, by a hash that is the same everywhere."""

    name = "hashing"

    def partition(self, source_index: int, value: Any) -> int:
        """Return the partition that a value goes to."""
        return self._destinations[target_of(value, len(self._destinations))]


class RoundRobin(Partitioner):
    """Each partition deals its values out in turn, from the first one on."""

    name = "round_robin"

    def prepare(self, sources: set[int], destinations: set[int]) -> None:
        """Get ready to send from one set of partitions to another."""
        super().prepare(sources, destinations)
        self._next = 0

    def partition(self, source_index: int, value: Any) -> int:
        """Return the partition that a value goes to."""
        return self._destinations[self._next % len(self._destinations)]

    def commit(self, source_index: int, partition: int) -> None:
        """Go on to the next one."""
        self._next += 1


class LoadBalanced(RoundRobin):
    """Each partition deals its values out in turn, from one of its own on: few values of many are spread as well."""

    name = "load_balanced"

    def partition(self, source_index: int, value: Any) -> int:
        """Return the partition that a value goes to."""
        return self._destinations[(source_index + self._next) % len(self._destinations)]


class OneToOne(Partitioner):
    """Values stay in the partition of their number."""

    name = "one_to_one"

    @classmethod
    def check(cls, sources: int, destinations: int) -> None:
        """Make sure that there are as many partitions as before."""
        if sources != destinations:
            raise UsageError(
                f"one_to_one from {sources} partitions to {destinations}: give it as many, or use load_balanced"
            )

    def partition(self, source_index: int, value: Any) -> int:
        """Return the partition that a value goes to."""
        return self._destinations[source_index]


PARTITIONERS: dict[str, type[Partitioner]] = {
    cls.name: cls for cls in (Hashing, RoundRobin, LoadBalanced, OneToOne)
}


class Partitioners:
    """What ``env.functions.partition`` offers: partition functions for `TSet.partition` and keyed operations.

    Examples
    --------
    >>> from dtset import TSetEnvironment
    >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-partitioners") as env:
    ...     dealt = env.range(4, parallelism=1).partition(env.functions.partition.round_robin, 2)
    ...     dealt.collect()
    [0, 2, 1, 3]
    """

    @property
    def hashing(self) -> PartitionFunc:
        """Equal values, or keys, go to one partition: what keyed operations do by themselves."""
        return Hashing()

    @property
    def load_balanced(self) -> PartitionFunc:
        """Each partition deals its values out in turn, beginning at its own number."""
        return LoadBalanced()

    @property
    def round_robin(self) -> PartitionFunc:
        """Each partition deals its values out in turn, beginning at partition 0."""
        return RoundRobin()

    @property
    def one_to_one(self) -> PartitionFunc:
        """Values stay in the partition of their number, of as many."""
        return OneToOne()


class Functions:
    """What ``env.functions`` offers, under Twister2's name."""

    @property
    def partition(self) -> Partitioners:
        """Partition functions that are there."""
        return Partitioners()
