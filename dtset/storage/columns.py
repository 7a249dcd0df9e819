"""Batches as columns: inference, cutting, joining, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import compress, repeat
from operator import is_not, itemgetter
from typing import Any, cast

import numpy as np

from dtset.storage.kinds import KIND_OF, KINDS, Array, Unfit, starts_of
from dtset.storage.pickling import (
    ClassResolver,
    load_rows,
    pickled_weights,
    present_class,
    references,
    typed_rows,
)
from dtset.storage.schema import (
    FIXED_WEIGHT,
    MAX_NESTING,
    NONE,
    PICKLED,
    Schema,
    arrays_of,
    bounded,
)

_NoneType = type(None)


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """A batch as arrays, typed or of pickles, that are not to be written to.

    The `schema` is what its elements are at the most: of a cut, it may say None where none is left. The `arrays` are
    those that `arrays_of` names, in that order; offsets start at 0. The `resolver` reads pickled elements, `classes`
    may occur among them.

    Examples
    --------
    >>> columns = to_columns([1, None, 3])
    >>> columns.arrays
    (array([ True, False,  True]), array([1, 0, 3]))
    >>> columns[1:].rows(), columns.take(np.array([2, 0])).rows()
    ([None, 3], [3, 1])
    """

    schema: Schema
    length: int
    arrays: tuple[Array, ...]
    resolver: ClassResolver = present_class
    classes: frozenset[tuple[str, str]] = frozenset()
    _decoded: list[Any] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return self.length

    def rows(self) -> list[Any]:
        """Return the elements, decoded once; not to be written to."""
        if self._decoded is None:
            if self.schema == PICKLED:
                rows = load_rows(self.arrays, self.resolver)
            else:
                rows = _decode(self.schema, self.length, iter(self.arrays))
            object.__setattr__(self, "_decoded", rows)
        return cast(list[Any], self._decoded)

    def columns(self) -> Columns:
        """Return the batch, which is columns."""
        return self

    def __getitem__(self, rows: slice) -> Columns:
        start, stop, step = rows.indices(self.length)
        if step != 1:
            return self.take(np.arange(start, stop, step))
        stop = max(start, stop)
        if stop - start == self.length:
            return self
        arrays: list[Array] = []
        first = last = 0
        for spec, array in zip(arrays_of(self.schema), self.arrays, strict=True):
            if spec.unit == "offset":
                # The bytes come next, as the array that follows.
                first, last = int(array[start]), int(array[stop])
                arrays.append(array[start : stop + 1] - first)
            else:
                arrays.append(array[first:last] if spec.unit == "byte" else array[start:stop])
        decoded = None if self._decoded is None else self._decoded[start:stop]
        return self._with(stop - start, arrays, decoded)

    def take(self, indices: Array) -> Columns:
        """Return the rows of some numbers, in their order; as NumPy's indexing."""
        mask = indices.tolist() if indices.dtype == np.bool_ else None
        indices = np.arange(self.length)[indices]
        arrays: list[Array] = []
        places = indices
        for spec, array in zip(arrays_of(self.schema), self.arrays, strict=True):
            if spec.unit == "offset":
                starts = array[indices]
                offsets = starts_of(array[indices + 1] - starts)
                shifts = np.repeat(starts - offsets[:-1], np.diff(offsets))
                places = np.arange(offsets[-1]) + shifts
                arrays.append(offsets)
            else:
                arrays.append(array[places if spec.unit == "byte" else indices])
        decoded = self._decoded
        if decoded is not None and mask is not None:
            decoded = list(compress(decoded, mask))
        elif decoded is not None:
            decoded = [decoded[row] for row in indices.tolist()]
        return self._with(len(indices), arrays, decoded)

    def _with(self, length: int, arrays: list[Array], decoded: list[Any] | None) -> Columns:
        return Columns(self.schema, length, tuple(arrays), self.resolver, self.classes, decoded)


def to_columns(batch: Sequence[object]) -> Columns:
    """Encode elements as typed columns.

    All elements are None, or of one exact type that has a kind.

    Examples
    --------
    >>> columns = to_columns([("a", 1), ("b", 2)])
    >>> columns.schema.to_json()
    {'kind': 'tuple', 'fields': [{'kind': 'text'}, {'kind': 'int64'}]}
    >>> columns.rows()
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
    if depth >= MAX_NESTING:
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
    present = np.ones(columns.length, np.bool_)
    arrays = tuple(_widen(columns.schema, schema, present, iter(columns.arrays)))
    return Columns(schema, columns.length, arrays)


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


def narrow(columns: Columns) -> Columns:
    """Return the same elements under the schema that they have by themselves: the join of each one's.

    Examples
    --------
    >>> narrow(to_columns([1, None, 3])[2:]).schema
    Schema(kind='int64', optional=False, fields=())
    """
    if columns.schema == PICKLED:
        return _unpickled(columns)
    if not columns.length:
        return Columns(NONE, 0, ())
    if not _has_optional(columns.schema):
        return columns
    arrays: list[Array] = []
    schema = _narrow(columns.schema, columns.length, iter(columns.arrays), arrays)
    return Columns(schema, columns.length, tuple(arrays))


def _unpickled(columns: Columns) -> Columns:
    """Return typed columns if the elements have some: their neighbours were why they were pickled."""
    elements: list[Any] = []
    types = {_NoneType}
    for row, element, _ in typed_rows(columns.arrays):
        types.add(type(element))
        if row != len(elements) or len(types) > 2:
            break
        elements.append(element)
    if len(elements) == columns.length:
        try:
            return to_columns(elements)
        except Unfit:
            pass
    classes = references(columns.arrays[1], columns.classes)
    return replace(columns, classes=classes)


@lru_cache(maxsize=1024)
def _has_optional(schema: Schema) -> bool:
    return schema.optional or any(map(_has_optional, schema.fields))


def _narrow(schema: Schema, present: int, arrays: Iterator[Array], kept: list[Array]) -> Schema:
    """Keep the arrays that are needed where the parent is there in `present` rows; return their schema."""
    optional = schema.optional
    dense = Schema(schema.kind, False, schema.fields)
    if optional:
        valid = next(arrays)
        there = int(np.count_nonzero(valid))
        if not there:
            for _ in arrays_of(dense):
                next(arrays)
            return NONE
        optional = there < present
        if optional:
            kept.append(valid)
        present = there
    if schema.kind == "tuple":
        fields = tuple(_narrow(each, present, arrays, kept) for each in schema.fields)
        return Schema("tuple", optional, fields)
    kept.extend(next(arrays) for _ in arrays_of(dense))
    return Schema(schema.kind, optional)


def concatenate(parts: Sequence[Columns]) -> Columns:
    """Join batches of one schema, typed or pickled and then read by one resolver, end to end.

    Examples
    --------
    >>> concatenate([to_columns(["a"]), to_columns(["b", "c"])]).rows()
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
    classes = frozenset[tuple[str, str]]().union(*(part.classes for part in parts))
    return Columns(schema, sum(map(len, parts)), tuple(arrays), parts[0].resolver, classes)


def fields_of(columns: Columns) -> list[Columns]:
    """Return the columns of tuples, none of which is None.

    Examples
    --------
    >>> [field.rows() for field in fields_of(to_columns([("a", 1), ("b", 2)]))]
    [['a', 'b'], [1, 2]]
    """
    arrays = iter(columns.arrays)
    return [
        Columns(field, columns.length, tuple(next(arrays) for _ in arrays_of(field)))
        for field in columns.schema.fields
    ]


def row_weights(columns: Columns) -> Array:
    """Return about how many bytes each row takes, whatever batch it is in.

    Examples
    --------
    >>> row_weights(to_columns(["abc", None])).tolist()
    [11, 8]
    """
    if columns.schema == PICKLED:
        return pickled_weights(columns.arrays)
    return _weights(columns.schema, columns.length, iter(columns.arrays))


def _weights(schema: Schema, rows: int, arrays: Iterator[Array]) -> Array:
    valid = next(arrays) if schema.optional else None
    if schema.kind == "tuple":
        weights = np.full(rows, FIXED_WEIGHT, np.int64)
        for field in schema.fields:
            weights += _weights(field, rows, arrays)
    else:
        weights = np.full(rows, FIXED_WEIGHT, np.int64)
        leaf = arrays_of(Schema(schema.kind))
        for spec, array in zip(leaf, [next(arrays) for _ in leaf], strict=True):
            if spec.unit == "offset":
                weights += np.diff(array)
    return weights if valid is None else np.where(valid, weights, FIXED_WEIGHT)
