"""Rows of tables, as named tuples of a class for each choice of columns, which can travel and be stored."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any


# None is dropped: rows of one table are of one class.
@cache
def row_class(columns: tuple[str, ...]) -> Any:
    """Return the class of rows with some columns; a name that cannot be an attribute becomes ``_<number>``."""
    made = _named(columns)
    made.__reduce__ = lambda row: (row_of, (columns, tuple(row)))
    # No field is called so.
    made.__columns__ = columns
    return made


def columns_of(cls: type) -> tuple[str, ...] | None:
    """Return the columns of a class of rows; None if it is another class."""
    found: tuple[str, ...] | None = vars(cls).get("__columns__")
    return found if cls.__module__ == __name__ else None


def _named(columns: tuple[str, ...]) -> Any:
    return namedtuple("Row", list(columns), rename=True)


def row_of(columns: tuple[str, ...], values: Iterable[Any]) -> Any:
    """Return a row of values."""
    return row_class(columns)(*values)


def rows_of_frame(frame: Any) -> Iterator[Any]:
    """Give the rows of a pandas DataFrame, without its index."""
    make = row_class(tuple(map(str, frame.columns)))
    return map(make._make, frame.itertuples(index=False, name=None))
