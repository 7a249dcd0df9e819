"""Batches as NumPy arrays and back, without a Python object for each number."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from dtset.storage.batch import Batch, Rows
from dtset.storage.columns import Columns, fields_of, narrow, to_columns
from dtset.storage.kinds import KINDS, Array, Unfit, dtype_name, starts_of, stored_dtype
from dtset.storage.schema import NONE, PICKLED, RECORDS, Schema, bounded, put_together

Arrays: TypeAlias = (
    "np.ndarray[Any, Any] | tuple[np.ndarray[Any, Any], ...] | dict[str, np.ndarray[Any, Any]]"
)

_TEXT = np.dtypes.StringDType()
# Wider texts go through str objects: padding them costs more.
_MAX_WIDTH = 32
_PYTHONS = ("int64", "float64", "bool", "complex128")
_DATES = {"date": "datetime64[D]", "datetime": "datetime64[us]", "timedelta": "timedelta64[us]"}


def to_numpy(batch: Batch, *, as_objects: bool = False) -> Arrays:
    """Return the elements of a batch as an array; of tuples as a tuple of arrays, of dicts as a dict. Not to be written to.

    int becomes int64, float float64, complex complex128, bool bool, str StringDType, dates and naive times datetime64,
    differences of times timedelta64, bytes and records in records object; NumPy's scalars and arrays keep their dtype.

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
    if isinstance(found, dict):
        return {name: _locked(array) for name, array in found.items()}
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
    schema = columns.schema
    if schema.kind == "dataclass":
        return "dataclasses, which tuples or dicts of their fields could stand for"
    if schema.kind == "datetime" and schema.parameters:
        return "datetimes with a time zone, which those of UTC without one could stand for"
    if not schema.fields:
        return _column(columns)
    fields = list(map(_column, fields_of(columns)))
    return (
        dict(zip(_names(schema), fields, strict=True)) if schema.kind == "dict" else tuple(fields)
    )


def _names(schema: Schema) -> tuple[str, ...]:
    names: tuple[str, ...] = dict(schema.parameters)["names"]
    return names


def _column(columns: Columns) -> np.ndarray[Any, Any]:
    kind, parameters = columns.schema.kind, dict(columns.schema.parameters)
    if kind == "text":
        return _text(columns)
    if kind == "bytes" or kind in RECORDS or (kind == "datetime" and parameters):
        return _objects(columns.rows())
    values = np.require(columns.arrays[0], requirements="A")
    return values.view(parameters.get("dtype", _DATES.get(kind, values.dtype)))


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
    """Return an array of NumPy's elements that no column holds, but an array does."""
    kind = type(rows[0])
    is_numpys = issubclass(kind, np.generic) or kind is np.ndarray
    alike = is_numpys and all(type(row) is kind for row in rows)
    if alike and len({(row.dtype, row.shape) for row in rows}) == 1:
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

    There is a row for each element, or one array for each field of tuples or dicts. It is copied: a function may use
    its arrays again.

    Examples
    --------
    >>> from_numpy((np.array([1, 2]), np.array(["a", "b"]))).rows()
    [(1, 'a'), (2, 'b')]
    >>> from_numpy({"n": np.array([1], np.int32)}).rows()
    [{'n': np.int32(1)}]
    """
    if isinstance(result, dict):
        names = tuple(result)
        if not all(type(name) is str for name in names):
            raise TypeError(
                f"a function over batches returned a dict whose keys are not texts, but {names!r:.80}: "
                "return an array for each field, under its name"
            )
        schema = Schema("dict", parameters=(("names", names),))
        return _of_fields(result.values(), schema)
    return _of_fields(result, Schema("tuple")) if isinstance(result, tuple) else _from_array(result)


def _of_fields(arrays: Iterable[object], schema: Schema) -> Batch:
    """Return records of a kind, whose fields are these."""
    fields = list(map(_from_array, arrays))
    if not fields:
        raise ValueError(
            f"a function over batches returned an empty {schema.kind}: return an array for each field"
        )
    lengths = list(map(len, fields))
    if len(set(lengths)) > 1:
        raise ValueError(
            f"a function over batches returned arrays of different lengths, {', '.join(map(str, lengths))}: "
            "return one row of each for each element"
        )
    return records_of(fields, schema)


def records_of(fields: Sequence[Batch], schema: Schema) -> Batch:
    """Return records of a kind from their fields, of one length: columns where all fields are."""
    columns = [field for field in fields if isinstance(field, Columns)]
    whole = replace(schema, fields=tuple(field.schema for field in columns))
    if len(columns) == len(fields) and bounded(whole) != PICKLED:
        return Columns(
            whole, len(fields[0]), tuple(array for field in columns for array in field.arrays)
        )
    names = dict(schema.parameters).get("names", ())
    rows = put_together(
        schema.kind, len(fields[0]), [field.rows() for field in fields], names, None
    )
    return Rows(rows)


def _from_array(result: object) -> Batch:
    if not isinstance(result, np.ndarray):
        raise TypeError(
            f"a function over batches returned a {type(result).__qualname__}: return a NumPy array or, "
            "for tuples and dicts, a tuple or a dict of them"
        )
    if not result.ndim:
        raise ValueError(
            "a function over batches returned an array without rows: return one row an element"
        )
    if isinstance(result, np.ma.MaskedArray):
        return Rows(result.tolist())
    array = np.array(result, order="C")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    kind = array.dtype.kind
    if kind == "T" and not hasattr(array.dtype, "na_object") and array.ndim == 1:
        return Columns(Schema("text"), len(array), _text_arrays(array))
    if kind in "TUSO" and array.ndim == 1:
        rows = array.tolist()
        try:
            return Rows(rows) if kind == "O" else to_columns(rows)
        except Unfit:
            return Rows(rows)
    try:
        name = dtype_name(array.dtype)
    except Unfit:
        return Rows(list(array))
    if array.ndim == 1 and name in _PYTHONS:
        return Columns(Schema(name), len(array), (array,))
    parameters: tuple[tuple[str, Any], ...] = (("dtype", name),)
    if array.ndim > 1:
        if 0 in array.shape[1:]:
            return Rows(list(array))
        parameters = (*parameters, ("shape", array.shape[1:]))
    schema = Schema("scalar" if array.ndim == 1 else "array", parameters=parameters)
    return Columns(schema, len(array), (array.view(stored_dtype(name)),))


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
