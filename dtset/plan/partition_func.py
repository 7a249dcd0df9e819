"""The class that partition functions written as objects derive from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class PartitionFunc(ABC):
    """Says to which partition a value goes: Twister2's ``PartitionFunc``.

    Every partition that values come from works on a fresh copy of the object: it is prepared, and then asked for a
    partition and told of it, value by value.

    Examples
    --------
    >>> class Even(PartitionFunc):
    ...     def partition(self, source_index, value):
    ...         return value % 2
    >>> Even().partition(0, 3)
    1
    """

    def prepare(self, sources: set[int], destinations: set[int]) -> None:  # noqa: B027
        """Get ready to send from one set of partitions to another."""

    @abstractmethod
    def partition(self, source_index: int, value: Any) -> int:
        """Return the partition that a value goes to: in a keyed operation, that a key goes to."""

    def commit(self, source_index: int, partition: int) -> object:  # noqa: B027
        """Take note that a value was sent to a partition."""
