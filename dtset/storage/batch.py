"""A batch, rows or columns; and how the one becomes the other, typed where that is exact and pickled where it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, compress
from typing import Any, TypeAlias

import numpy as np

from dtset.errors import UsageError
from dtset.storage.columns import Columns, concatenate, narrow, row_weights, to_columns
from dtset.storage.kinds import Array, Unfit
from dtset.storage.pickling import ClassResolver, check_classes, dump_rows, present_class
from dtset.storage.schema import PICKLED


@dataclass(frozen=True, slots=True)
class Rows:
    """A batch as a list of elements.

    `elements` are not to be written to; `typed` gives the same as columns, where they were chosen from some; `pairs`
    says that all are known to be tuples of two.

    Examples
    --------
    >>> batch = Rows(["a", "b", "c"])
    >>> len(batch), batch[1:].rows(), batch.columns()
    (3, ['b', 'c'], None)
    """

    elements: list[Any]
    typed: Callable[[], Columns | None] | None = field(default=None, repr=False, compare=False)
    pairs: bool = field(default=False, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.elements)

    def rows(self) -> list[Any]:
        """Return the elements; not to be written to."""
        return self.elements

    def columns(self) -> Columns | None:
        """Return the batch as columns, None if that would be to encode it."""
        return None if self.typed is None else self.typed()

    def __getitem__(self, rows: slice) -> Rows:
        return Rows(self.elements[rows])

    def take(self, indices: Array) -> Rows:
        """Return the rows of some numbers, in their order; as NumPy's indexing."""
        return Rows([self.elements[row] for row in np.arange(len(self))[indices].tolist()])


Batch: TypeAlias = Rows | Columns


def typed(batch: Batch) -> Batch:
    """Return a batch as columns where it has some."""
    columns = batch.columns()
    return batch if columns is None else columns


def chosen(batch: Batch, flags: Sequence[object]) -> Rows:
    """Return the elements whose flags are true; taken from columns only where somebody wants those.

    Examples
    --------
    >>> chosen(to_columns([1, 2, 3]), [True, 0, 1]).columns().arrays
    (array([1, 3]),)
    """

    def taken() -> Columns | None:
        columns = batch.columns()
        mask = np.fromiter(map(bool, flags), np.bool_, len(flags))
        return None if columns is None else columns.take(mask)

    return Rows(list(compress(batch.rows(), flags)), taken)


def rows_of(batches: Iterable[Batch]) -> Iterator[Any]:
    """Give the elements of batches, one after another.

    Examples
    --------
    >>> list(rows_of([Rows([1, 2]), Rows([None])]))
    [1, 2, None]
    """
    return chain.from_iterable(batch.rows() for batch in batches)


def joined(batches: Sequence[Batch]) -> Batch:
    """Return batches as one: columns where all are of one schema.

    Examples
    --------
    >>> joined([Rows([1]), Rows(["a"])]).rows()
    [1, 'a']
    """
    batches = list(map(typed, batches))
    if not batches:
        return Rows([])
    columns = [batch for batch in batches if isinstance(batch, Columns)]
    if len(columns) == len(batches) and len({batch.schema for batch in columns}) == 1:
        return concatenate(columns)
    return batches[0] if len(batches) == 1 else Rows(list(rows_of(batches)))


@dataclass(frozen=True, slots=True)
class Encoder:
    """Makes columns of batches.

    With `reading`, of pickled elements the first of each type is read back, as it will be by who reads. `classes` are
    the user's, to which pickles of all batches so far refer.
    """

    allow_pickle: bool = True
    reading: ClassResolver | None = None
    classes: set[tuple[str, str]] = field(default_factory=set)

    def encode(self, batch: Batch) -> Columns:
        """Return a batch as columns, under the schema that its elements have by themselves."""
        batch = typed(batch)
        if isinstance(batch, Rows):
            return self._from_rows(batch)
        columns = narrow(batch)
        if columns.schema.is_pickled:
            self._check("elements that are pickled already")
        self.classes.update(columns.classes_in())
        return columns

    def weigh(self, batch: Batch) -> tuple[Columns, Array]:
        """Return a batch as columns, not narrowed if it is some, and about how many bytes each element takes.

        The weight of an element depends on it alone.
        """
        columns = self._from_rows(batch) if isinstance(batch, Rows) else batch
        return columns, row_weights(columns)

    def pickle(self, columns: Columns) -> Columns:
        """Return columns as pickled ones, for a batch whose other elements are of another kind."""
        if columns.schema.is_pickled:
            return columns
        self._check("elements of different kinds mixed")
        return self._pickled(columns.rows())

    def _from_rows(self, batch: Rows) -> Columns:
        resolver = self.reading or present_class
        try:
            columns = to_columns(batch.elements, resolver)
            if self.reading is not None and columns.classes_in() - self.classes:
                check_classes(columns.schema, resolver)
        except Unfit as reason:
            self._check(str(reason))
            columns = self._pickled(batch.elements)
        self.classes.update(columns.classes_in())
        return columns

    def _pickled(self, elements: list[Any]) -> Columns:
        pickled = dump_rows(elements, self.reading)
        resolver = self.reading or present_class
        return Columns(PICKLED, len(elements), pickled.arrays, resolver, pickled.classes)

    def _check(self, reason: str) -> None:
        if not self.allow_pickle:
            raise UsageError(
                f"{reason} can only be stored as pickles, and dtset.pickle.allow is false: map them to numbers, "
                "texts, bytes, dates, None or records of these, or allow pickles"
            ) from None
