"""Typed batches as columns: inference, encoding, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import is_not, itemgetter
from typing import Any

import numpy as np

from dtset.storage.kinds import KIND_OF, KINDS, Array, Unfit, starts_of
from dtset.storage.schema import NONE, PICKLED, Schema, arrays_of, bounded

__all__ = [
    "Columns",
    "concatenate",
    "element_weight",
    "from_columns",
    "row_weights",
    "to_columns",
    "widen",
]

_FIXED_WEIGHT = 8
# Deeper than any schema may be: where to stop looking.
_MAX_NESTING = 16
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1
_NoneType = type(None)


@dataclass(frozen=True, slots=True)
class Columns:
    """A batch as arrays.

    Parameters
    ----------
    schema : Schema
        What its elements are.
    rows : int
        How many there are.
    arrays : tuple of numpy.ndarray
        Those that `arrays_of` names, in that order; offsets start at 0.

    Examples
    --------
    >>> to_columns([1, None, 3]).arrays
    (array([ True, False,  True]), array([1, 0, 3]))
    """

    schema: Schema
    rows: int
    arrays: tuple[Array, ...]


def to_columns(batch: Sequence[object]) -> Columns:
    """Encode elements as typed columns.

    Parameters
    ----------
    batch : sequence
        Elements that are all None, or of one exact type that has a kind.

    Raises
    ------
    Unfit
        They have to be pickled; the message says why.

    Examples
    --------
    >>> columns = to_columns([("a", 1), ("b", 2)])
    >>> columns.schema.to_json()
    {'kind': 'tuple', 'fields': [{'kind': 'text'}, {'kind': 'int64'}]}
    >>> from_columns(columns)
    [('a', 1), ('b', 2)]
    """
    shape = _shape(batch, 0)
    if bounded(shape.schema) == PICKLED:
        raise Unfit("tuples with more fields than columns are made for")
    return Columns(shape.schema, len(batch), tuple(_encode(shape)))


@dataclass(frozen=True, slots=True)
class _Shape:
    """A batch that has been found to be typed, its tuples already taken apart."""

    schema: Schema
    rows: int
    valid: Array | None
    present: Sequence[Any]
    fields: tuple[_Shape, ...] = ()


def _shape(batch: Sequence[Any], depth: int) -> _Shape:
    types = set(map(type, batch))
    valid = None
    rows = len(batch)
    if _NoneType in types:
        types.discard(_NoneType)
        if not types:
            return _Shape(NONE, rows, None, ())
        valid = np.fromiter(map(is_not, batch, repeat(None)), np.bool_, rows)
        batch = [value for value in batch if value is not None]
    elif not types:
        return _Shape(NONE, 0, None, ())
    if len(types) > 1:
        raise Unfit(f"elements of types {', '.join(sorted(map(_name, types)))} mixed")
    (kind_type,) = types
    optional = valid is not None
    if kind_type is not tuple:
        kind = KIND_OF.get(kind_type)
        if kind is None:
            raise Unfit(f"elements of type {_name(kind_type)}")
        return _Shape(Schema(kind.name, optional), rows, valid, batch)
    lengths = set(map(len, batch))
    if len(lengths) > 1:
        raise Unfit("tuples of different lengths")
    if depth >= _MAX_NESTING:
        raise Unfit("tuples nested deeper than columns are made for")
    fields = tuple(
        _shape(list(map(itemgetter(number), batch)), depth + 1) for number in range(lengths.pop())
    )
    schema = Schema("tuple", optional, tuple(field.schema for field in fields))
    return _Shape(schema, rows, valid, batch, fields)


def _name(kind_type: type) -> str:
    module = "" if kind_type.__module__ == "builtins" else f"{kind_type.__module__}."
    return f"{module}{kind_type.__qualname__}"


def _encode(shape: _Shape) -> Iterator[Array]:
    inner: Iterator[Array]
    if shape.schema.kind == "tuple":
        inner = (array for field in shape.fields for array in _encode(field))
    elif shape.schema.kind == "none":
        inner = iter(())
    else:
        inner = iter(KINDS[shape.schema.kind].encode(shape.present))
    if shape.valid is None:
        yield from inner
        return
    yield shape.valid
    dense = Schema(shape.schema.kind, False, shape.schema.fields)
    for spec, array in zip(arrays_of(dense), inner, strict=True):
        if spec.unit == "byte":
            yield array
        elif spec.unit == "offset":
            lengths = np.zeros(shape.rows, np.int64)
            lengths[shape.valid] = np.diff(array)
            yield starts_of(lengths)
        else:
            spread = np.zeros(shape.rows, array.dtype)
            spread[shape.valid] = array
            yield spread


def from_columns(columns: Columns) -> list[Any]:
    """Decode typed columns.

    Examples
    --------
    >>> from_columns(to_columns([None, b"x"]))
    [None, b'x']
    """
    return _decode(columns.schema, columns.rows, iter(columns.arrays))


def _decode(schema: Schema, rows: int, arrays: Iterator[Array]) -> list[Any]:
    valid = next(arrays).tolist() if schema.optional else None
    if schema.kind == "none":
        return [None] * rows
    if schema.kind == "tuple":
        fields = [_decode(field, rows, arrays) for field in schema.fields]
        values: list[Any] = list(zip(*fields, strict=True)) if fields else [()] * rows
    else:
        kind = KINDS[schema.kind]
        values = kind.decode(tuple(next(arrays) for _ in kind.arrays))
    if valid is None:
        return values
    return [value if there else None for value, there in zip(values, valid, strict=True)]


def widen(columns: Columns, schema: Schema) -> Columns:
    """Return the same elements under a wider schema.

    Examples
    --------
    >>> widen(to_columns([None]), Schema("bool", optional=True)).arrays
    (array([False]), array([False]))
    """
    if columns.schema == schema:
        return columns
    arrays = tuple(
        _widen(columns.schema, schema, np.ones(columns.rows, np.bool_), iter(columns.arrays))
    )
    return Columns(schema, columns.rows, arrays)


def _widen(
    narrow: Schema, wide: Schema, present: Array, arrays: Iterator[Array]
) -> Iterator[Array]:
    """Give the arrays under the wider schema; `present` tells in which rows the parent is there.

    Rows without a parent are not valid either: the bytes must not tell how a batch was made.
    """
    if narrow == wide:
        for _ in arrays_of(wide):
            yield next(arrays)
    elif narrow == NONE:
        for spec in arrays_of(wide):
            length = {"row": len(present), "offset": len(present) + 1, "byte": 0}[spec.unit]
            yield np.zeros(length, spec.dtype)
    else:
        if narrow.optional:
            present = next(arrays)
        if wide.optional:
            yield present
        if wide.kind == "tuple":
            for inner, outer in zip(narrow.fields, wide.fields, strict=True):
                yield from _widen(inner, outer, present, arrays)
        else:
            for _ in KINDS[wide.kind].arrays:
                yield next(arrays)


def concatenate(parts: Sequence[Columns]) -> Columns:
    """Join batches of one schema, typed or pickled, end to end.

    Examples
    --------
    >>> from_columns(concatenate([to_columns(["a"]), to_columns(["b", "c"])]))
    ['a', 'b', 'c']
    """
    if len(parts) == 1:
        return parts[0]
    schema = parts[0].schema
    arrays = []
    for number, spec in enumerate(arrays_of(schema)):
        pieces = [part.arrays[number] for part in parts]
        if spec.unit == "offset":
            ends = starts_of(np.array([piece[-1] for piece in pieces], np.int64))
            shifted = [piece[:-1] + start for piece, start in zip(pieces, ends, strict=False)]
            arrays.append(np.concatenate([*shifted, ends[-1:]]))
        else:
            arrays.append(np.concatenate(pieces))
    return Columns(schema, sum(part.rows for part in parts), tuple(arrays))


def row_weights(columns: Columns) -> Array:
    """Return about how many bytes each row takes, whatever batch it is in.

    Examples
    --------
    >>> row_weights(to_columns(["abc", None])).tolist()
    [11, 8]
    """
    return _weights(columns.schema, columns.rows, iter(columns.arrays))


def _weights(schema: Schema, rows: int, arrays: Iterator[Array]) -> Array:
    valid = next(arrays) if schema.optional else None
    if schema.kind == "tuple":
        weights = np.full(rows, _FIXED_WEIGHT, np.int64)
        for field in schema.fields:
            weights += _weights(field, rows, arrays)
    else:
        weights = np.full(rows, _FIXED_WEIGHT, np.int64)
        leaf = arrays_of(Schema(schema.kind))
        for spec, array in zip(leaf, [next(arrays) for _ in leaf], strict=True):
            if spec.unit == "offset":
                weights += np.diff(array)
    return weights if valid is None else np.where(valid, weights, _FIXED_WEIGHT)


def element_weight(element: object) -> int | None:
    """Return what `row_weights` gives for an element by itself; None if it has to be pickled.

    Examples
    --------
    >>> element_weight("abc"), element_weight(10**30)
    (11, None)
    """
    found = _weigh(element, 0)
    if found is None or bounded(found[1]) == PICKLED:
        return None
    return found[0]


def _weigh(element: Any, depth: int) -> tuple[int, Schema] | None:
    kind_type = type(element)
    if kind_type is tuple:
        if depth >= _MAX_NESTING:
            return None
        inner = []
        for field in element:
            found = _weigh(field, depth + 1)
            if found is None:
                return None
            inner.append(found)
        schema = Schema("tuple", fields=tuple(schema for _, schema in inner))
        return _FIXED_WEIGHT + sum(weight for weight, _ in inner), schema
    if element is None:
        return _FIXED_WEIGHT, NONE
    kind = KIND_OF.get(kind_type)
    if kind is None or (kind_type is int and not _INT_MIN <= element <= _INT_MAX):
        return None
    if kind_type is bytes:
        return _FIXED_WEIGHT + len(element), Schema("bytes")
    if kind_type is str:
        if element.isascii():
            return _FIXED_WEIGHT + len(element), Schema("text")
        try:
            return _FIXED_WEIGHT + len(element.encode("utf-8")), Schema("text")
        except UnicodeEncodeError:
            return None
    return _FIXED_WEIGHT, Schema(kind.name)
