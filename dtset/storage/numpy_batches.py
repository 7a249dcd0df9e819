"""Batches as NumPy arrays and back, without a Python object for each number."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, TypeAlias

import numpy as np

from dtset.storage.batch import Batch, Rows
from dtset.storage.columns import Columns, fields_of, narrow, to_columns
from dtset.storage.kinds import KINDS, Array, Unfit, starts_of
from dtset.storage.schema import NONE, PICKLED, Schema, bounded

Arrays: TypeAlias = "np.ndarray[Any, Any] | tuple[np.ndarray[Any, Any], ...]"

_TEXT = np.dtypes.StringDType()
# Wider texts go through str objects: padding them costs more.
_MAX_WIDTH = 32
_FIXED = {"i": "int64", "f": "float64", "b": "bool"}
_DATES = {date: "datetime64[D]", datetime: "datetime64[us]"}


def to_numpy(batch: Batch, *, as_objects: bool = False) -> Arrays:
    """Return the elements of a batch as an array or, of tuples, as a tuple of arrays; not to be written to.

    int becomes int64, float float64, bool bool, str StringDType, naive dates and times datetime64, bytes and tuples
    in tuples object; NumPy's scalars and arrays keep their dtype.

    Examples
    --------
    >>> to_numpy(Rows([1, 2]))
    array([1, 2])
    >>> to_numpy(Rows([("a", 0.5), ("b", 1.5)]))
    (array(['a', 'b'], dtype=StringDType()), array([0.5, 1.5]))
    """
    if as_objects:
        return _locked(_objects(batch.rows()))
    found = _of_one_kind(batch)
    if isinstance(found, str):
        raise _unlike(batch.rows(), found)
    return tuple(map(_locked, found)) if isinstance(found, tuple) else _locked(found)


def _of_one_kind(batch: Batch) -> Arrays | str:
    """Return arrays, or why there are none."""
    columns = batch.columns()
    if columns is not None and len(columns):
        columns = narrow(columns)
    if columns is None or columns.schema == PICKLED:
        try:
            columns = to_columns(batch.rows())
        except Unfit as reason:
            found = _of_library(batch.rows())
            return str(reason) if found is None else found
    if _has_none(columns.schema):
        return "None" if len(columns) else _objects([])
    if columns.schema.fields:
        return tuple(map(_column, fields_of(columns)))
    return _column(columns)


def _column(columns: Columns) -> np.ndarray[Any, Any]:
    kind = columns.schema.kind
    if kind == "text":
        return _text(columns)
    if kind in ("bytes", "tuple"):
        return _objects(columns.rows())
    return np.require(columns.arrays[0], requirements="A")


def _text(columns: Columns) -> np.ndarray[Any, Any]:
    offsets, data = columns.arrays
    lengths = np.diff(offsets)
    width = int(lengths.max(initial=0))
    # Zeros at the end of a text would be lost with the padding.
    if not 0 < width <= _MAX_WIDTH or not data.all() or (data & 0x80).any():
        return np.array(columns.rows(), _TEXT)
    padded = np.zeros((columns.length, width), np.uint8)
    padded[np.arange(width) < lengths[:, np.newaxis]] = data
    return padded.view(f"S{width}")[:, 0].astype(_TEXT)


def _objects(rows: Sequence[Any]) -> np.ndarray[Any, Any]:
    return np.fromiter(rows, object, len(rows))


def _locked(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a view that cannot be written to: columns are shared."""
    view = array.view()
    view.flags.writeable = False
    return view


def _has_none(schema: Schema) -> bool:
    return schema.optional or schema == NONE or any(map(_has_none, schema.fields))


def _of_library(rows: list[Any]) -> np.ndarray[Any, Any] | None:
    """Return an array of elements that no column holds, but an array does."""
    kind = type(rows[0])
    if all(type(row) is kind for row in rows):
        if kind in _DATES and not any(getattr(row, "tzinfo", None) for row in rows):
            return np.array(rows, _DATES[kind])
        is_array = issubclass(kind, np.generic) or kind is np.ndarray
        if is_array and len({(row.dtype, row.shape) for row in rows}) == 1:
            return np.array(rows, rows[0].dtype)
    return None


def _unlike(rows: list[Any], reason: str) -> TypeError:
    """Return the error that names the first element which does not fit those before it, or no array."""

    def fails(number: int) -> bool:
        return isinstance(_of_one_kind(Rows(rows[: number + 1])), str)

    number = bisect_left(range(len(rows)), True, key=fails)
    return TypeError(
        f"NumPy has no one kind for the elements of a batch, due to {reason}: element {number} is {rows[number]!r:.80}. "
        "Map them to one kind before, or take them as they are with dtype=object"
    )


def from_numpy(result: Arrays) -> Batch:
    """Return what a function over arrays gave as a batch: as `tolist` gives it where that is of Python's own kinds.

    There is a row for each element, or one array for each field of tuples. It is copied: a function may use its
    arrays again.

    Examples
    --------
    >>> from_numpy((np.array([1, 2]), np.array(["a", "b"]))).rows()
    [(1, 'a'), (2, 'b')]
    >>> from_numpy(np.array([1], np.int32)).rows()
    [np.int32(1)]
    """
    if not isinstance(result, tuple):
        return _from_array(result)
    if not result:
        raise ValueError(
            "a function over batches returned an empty tuple: return an array for each field"
        )
    fields = list(map(_from_array, result))
    lengths = list(map(len, fields))
    if len(set(lengths)) > 1:
        raise ValueError(
            f"a function over batches returned arrays of different lengths, {', '.join(map(str, lengths))}: "
            "return one row of each for each element"
        )
    columns = [field for field in fields if isinstance(field, Columns)]
    schema = Schema("tuple", fields=tuple(field.schema for field in columns))
    if len(columns) < len(fields) or bounded(schema) == PICKLED:
        return Rows(list(zip(*(field.rows() for field in fields), strict=True)))
    return Columns(schema, lengths[0], tuple(array for field in columns for array in field.arrays))


def _from_array(result: object) -> Batch:
    if not isinstance(result, np.ndarray):
        raise TypeError(
            f"a function over batches returned a {type(result).__qualname__}: return a NumPy array or, "
            "for tuples, a tuple of them"
        )
    if not result.ndim:
        raise ValueError(
            "a function over batches returned an array without rows: return one row an element"
        )
    if isinstance(result, np.ma.MaskedArray):
        return Rows(result.tolist())
    array = np.array(result, order="C")
    kind = "object" if array.ndim > 1 else array.dtype.kind
    if kind in _FIXED and array.dtype.itemsize == np.dtype(_FIXED[kind]).itemsize:
        return Columns(Schema(_FIXED[kind]), len(array), (array.astype(_FIXED[kind], copy=False),))
    if kind == "T" and not hasattr(array.dtype, "na_object"):
        return Columns(Schema("text"), len(array), _text_arrays(array))
    if kind in "TUS":
        rows = array.tolist()
        try:
            return to_columns(rows)
        except Unfit:
            return Rows(rows)
    return Rows(array.tolist() if kind == "O" else list(array))


def _text_arrays(array: np.ndarray[Any, Any]) -> tuple[Array, ...]:
    # By itself, `str_len` leaves zeros at the end out.
    lengths = np.strings.str_len(np.strings.add(array, ".")) - 1
    width = int(lengths.max(initial=0))
    if 0 < width <= _MAX_WIDTH:
        try:
            padded = array.astype(f"S{width}").view(np.uint8).reshape(len(array), width)
        except UnicodeEncodeError:
            pass
        else:
            return starts_of(lengths), padded[np.arange(width) < lengths[:, np.newaxis]]
    return KINDS["text"].encode(array.tolist())
