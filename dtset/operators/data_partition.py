"""A partition of stored elements, as a user's function sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

from dtset.errors import EmptyTSetError
from dtset.storage.batch import Batch, joined, rows_of
from dtset.storage.numpy_batches import Arrays, to_numpy

T_co = TypeVar("T_co", covariant=True)
# Batches of some megabytes at the most.
_MOST_HELD = 8


class DataPartition(Generic[T_co]):
    """One partition of cached or persisted elements: Twister2's ``DataPartition``.

    What ``ctx.get_input(name)`` gives. Its first few batches stay in memory, so that a function may ask for it at
    each element; what is more is read anew by each iteration, batch by batch.

    Parameters
    ----------
    id : int
        Number of the partition, from 0.
    batches : callable
        Returns the batches of its elements.

    Examples
    --------
    >>> from dtset.storage.batch import Rows
    >>> partition = DataPartition(0, lambda: [Rows([1, 2]), Rows([3])])
    >>> list(partition), partition.first(), partition.id
    ([1, 2, 3], 1, 0)
    """

    def __init__(self, id: int, batches: Callable[[], Iterable[Batch]]) -> None:
        self.id = id
        self._batches = batches
        self._held: list[Batch] | None = None

    def __iter__(self) -> Iterator[T_co]:
        return rows_of(self._read())

    def to_numpy(self) -> Arrays:
        """Return all elements as NumPy arrays, in the form in which `TSet.map_batches` passes them."""
        return to_numpy(joined([*self._read()]))

    def consumer(self) -> Iterator[T_co]:
        """Return an iterator over the elements (Twister2's name)."""
        return iter(self)

    def first(self) -> T_co:
        """Return the first element.

        Raises
        ------
        EmptyTSetError
            There is none.
        """
        for element in self:
            return element
        raise EmptyTSetError(f"first() of partition {self.id}, which has no elements")

    def first_or_default(self, default: Any) -> Any:
        """Return the first element, or `default` where there is none."""
        return next(iter(self), default)

    def _read(self) -> Iterator[Batch]:
        """All batches, the first of which are held."""
        if self._held is None:
            self._held = list(islice(self._batches(), _MOST_HELD))
        yield from self._held
        if len(self._held) == _MOST_HELD:
            yield from islice(self._batches(), _MOST_HELD, None)

    def __repr__(self) -> str:
        return f"<DataPartition {self.id}>"


class DataObject(Generic[T_co]):
    """Computed elements by partition: Twister2's ``DataObject``, which `TSet.get_data` gives."""

    def __init__(self, partitions: Sequence[DataPartition[T_co]]) -> None:
        self._partitions = tuple(partitions)

    @property
    def partition_count(self) -> int:
        """Number of partitions."""
        return len(self._partitions)

    def get_partition(self, index: int) -> DataPartition[T_co]:
        """Return the partition of a number, from 0."""
        return self._partitions[index]

    def get_partitions(self) -> Iterator[DataPartition[T_co]]:
        """Return an iterator over the partitions, in their order."""
        return iter(self._partitions)

    def __repr__(self) -> str:
        return f"<DataObject of {self.partition_count} partitions>"
