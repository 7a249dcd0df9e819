"""Batches as columns: inference, cutting, joining, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import compress, repeat
from operator import is_not
from typing import Any, cast

import numpy as np

from dtset.storage.kinds import FIXED_WEIGHT, KIND_OF, KINDS, Array, Unfit, starts_of
from dtset.storage.pickling import (
    ClassResolver,
    load_rows,
    pickled_weights,
    present_class,
    present_record,
    references,
)
from dtset.storage.schema import (
    MAX_NESTING,
    MUTABLE,
    NONE,
    PICKLED,
    RECORDS,
    Schema,
    arrays_of,
    bounded,
    classes_of,
    name_of,
    put_together,
    taken_apart,
)

_NoneType = type(None)
_PROBED = 16


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """A batch as arrays, typed or of pickles, that are not to be written to.

    The `schema` is what its elements are at the most: of a cut, it may say None where none is left. The `arrays` are
    those that `arrays_of` names, in that order; offsets start at 0. The `resolver` finds the classes of elements; of
    pickled ones, `classes` may occur among them.

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
            if self.schema.is_pickled:
                rows = load_rows(self.arrays, self.resolver)
            else:
                rows = _decode(self.schema, self.length, iter(self.arrays), self.resolver)
            object.__setattr__(self, "_decoded", rows)
        return cast(list[Any], self._decoded)

    def columns(self) -> Columns:
        """Return the batch, which is columns."""
        return self

    def classes_in(self) -> frozenset[tuple[str, str]]:
        """Return the user's classes that may occur among the elements."""
        if self.schema.is_pickled:
            return self.classes
        # Asked of each of thousands of partials of one number.
        is_plain = not (self.schema.fields or self.schema.parameters)
        return frozenset() if is_plain else classes_of(self.schema)

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
        starts = offsets = indices
        width = 0
        for spec, array in zip(arrays_of(self.schema), self.arrays, strict=True):
            if spec.unit == "offset":
                lengths = np.diff(array)
                width = int(lengths[0]) if len(lengths) and (lengths == lengths[0]).all() else 0
                starts, offsets = array[indices], starts_of(lengths[indices])
                arrays.append(offsets)
            elif spec.unit == "row":
                arrays.append(array[indices])
            elif width:
                # Items of one length are rows of bytes, which NumPy moves whole.
                arrays.append(array.reshape(-1, width)[indices].reshape(-1))
            else:
                shifts = np.repeat(starts - offsets[:-1], np.diff(offsets))
                arrays.append(array[np.arange(offsets[-1]) + shifts])
        decoded = self._decoded
        if decoded is not None and mask is not None:
            decoded = list(compress(decoded, mask))
        elif decoded is not None:
            decoded = [decoded[row] for row in indices.tolist()]
        return self._with(len(indices), arrays, decoded)

    def _with(self, length: int, arrays: list[Array], decoded: list[Any] | None) -> Columns:
        return Columns(self.schema, length, tuple(arrays), self.resolver, self.classes, decoded)


def to_columns(batch: Sequence[object], resolver: ClassResolver = present_class) -> Columns:
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
    if shape.fields:
        if bounded(shape.schema) == PICKLED:
            raise Unfit("records with more fields than columns are made for")
        _check_unshared(shape)
    return Columns(shape.schema, len(batch), tuple(_encode(shape)), resolver)


@dataclass(frozen=True, slots=True)
class _Shape:
    """A batch that has been found to be typed, its records already taken apart."""

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
        raise Unfit(f"elements of types {', '.join(sorted(map(name_of, types)))} mixed")
    (kind_type,) = types
    optional = valid is not None
    if (kind := KIND_OF.get(kind_type)) is not None:
        return _Shape(Schema(kind.name, optional, (), kind.parameters(batch)), rows, valid, batch)
    if depth >= MAX_NESTING:
        raise Unfit("records nested deeper than columns are made for")
    record = taken_apart(kind_type, batch)
    fields = tuple(_shape(values, depth + 1) for values in record.fields)
    inner = tuple(field.schema for field in fields)
    return _Shape(
        Schema(record.kind, optional, inner, record.parameters), rows, valid, batch, fields
    )


def _check_unshared(shape: _Shape) -> None:
    """Make sure that no two parts of an element are one object that can be written to: columns would make it two."""
    parts = list(_mutable(shape, np.arange(shape.rows)))
    if len(parts) > 1:
        places = [place for rows, ids in parts for place in zip(rows.tolist(), ids, strict=True)]
        if len(set(places)) < len(places):
            raise Unfit("elements of which one object is two parts")


def _mutable(shape: _Shape, rows: Array) -> Iterator[tuple[Array, Iterator[int]]]:
    """Give the objects that can be written to: numbers of their elements, and identities."""
    if shape.valid is not None:
        rows = rows[shape.valid]
    if shape.schema.kind in MUTABLE:
        yield rows, map(id, shape.present)
    for each in shape.fields:
        yield from _mutable(each, rows)


def _encode(shape: _Shape) -> Iterator[Array]:
    inner: Iterator[Array]
    schema = shape.schema
    if schema.kind in RECORDS:
        inner = (array for field in shape.fields for array in _encode(field))
    elif schema.kind == "none":
        inner = iter(())
    else:
        inner = iter(KINDS[schema.kind].encode(shape.present, **dict(schema.parameters)))
    if shape.valid is None:
        yield from inner
        return
    yield shape.valid
    for spec, array in zip(arrays_of(replace(schema, optional=False)), inner, strict=True):
        if spec.unit == "byte":
            yield array
        elif spec.unit == "offset":
            lengths = np.zeros(shape.rows, np.int64)
            lengths[shape.valid] = np.diff(array)
            yield starts_of(lengths)
        else:
            spread = np.zeros((shape.rows, *spec.shape), array.dtype)
            spread[shape.valid] = array
            yield spread


def _decode(
    schema: Schema, rows: int, arrays: Iterator[Array], resolver: ClassResolver
) -> list[Any]:
    valid = next(arrays).tolist() if schema.optional else None
    if schema.kind == "none":
        return [None] * rows
    parameters = dict(schema.parameters)
    if schema.kind in RECORDS:
        fields = [_decode(field, rows, arrays, resolver) for field in schema.fields]
        cls = present_record(schema, resolver)
        values = put_together(schema.kind, rows, fields, parameters.get("names", ()), cls)
    else:
        leaf = arrays_of(Schema(schema.kind, parameters=schema.parameters))
        values = KINDS[schema.kind].decode(tuple(next(arrays) for _ in leaf), **parameters)
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
    return replace(columns, schema=schema, arrays=arrays)


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
            yield np.zeros((length, *spec.shape), spec.dtype)
    else:
        if narrow.optional:
            present = next(arrays)
        if wide.optional:
            yield present
        if wide.kind in RECORDS:
            for inner, outer in zip(narrow.fields, wide.fields, strict=True):
                yield from _widen(inner, outer, present, arrays)
        else:
            for _ in arrays_of(replace(wide, optional=False)):
                yield next(arrays)


def narrow(columns: Columns) -> Columns:
    """Return the same elements under the schema that they have by themselves: the join of each one's.

    Examples
    --------
    >>> narrow(to_columns([1, None, 3])[2:]).schema == Schema("int64")
    True
    """
    if columns.schema.is_pickled:
        return _unpickled(columns)
    if not columns.length:
        return Columns(NONE, 0, ())
    if not _has_optional(columns.schema):
        return columns
    arrays: list[Array] = []
    schema = _narrow(columns.schema, columns.length, iter(columns.arrays), arrays)
    return replace(columns, schema=schema, arrays=tuple(arrays))


def _unpickled(columns: Columns) -> Columns:
    """Return typed columns if the elements have some: their neighbours were why they were pickled."""
    weights, _, pickles = columns.arrays
    if weights.all():
        try:
            # The first few mostly tell that the elements are mixed.
            for some in (columns[:_PROBED], columns):
                typed = to_columns(load_rows(some.arrays, columns.resolver))
            return replace(typed, resolver=columns.resolver)
        except Unfit:
            pass
    return replace(columns, classes=references(pickles, columns.classes))


@lru_cache(maxsize=1024)
def _has_optional(schema: Schema) -> bool:
    return schema.optional or any(map(_has_optional, schema.fields))


def _narrow(schema: Schema, present: int, arrays: Iterator[Array], kept: list[Array]) -> Schema:
    """Keep the arrays that are needed where the parent is there in `present` rows; return their schema."""
    optional = schema.optional
    dense = replace(schema, optional=False)
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
    if schema.kind in RECORDS:
        fields = tuple(_narrow(each, present, arrays, kept) for each in schema.fields)
        return replace(schema, optional=optional, fields=fields)
    kept.extend(next(arrays) for _ in arrays_of(dense))
    return replace(schema, optional=optional)


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
        Columns(
            field, columns.length, tuple(next(arrays) for _ in arrays_of(field)), columns.resolver
        )
        for field in columns.schema.fields
    ]


def row_weights(columns: Columns) -> Array:
    """Return about how many bytes each row takes, whatever batch it is in.

    Examples
    --------
    >>> row_weights(to_columns(["abc", None])).tolist()
    [11, 8]
    """
    if columns.schema.is_pickled:
        return pickled_weights(columns.arrays)
    return _weights(columns.schema, columns.length, iter(columns.arrays))


def _weights(schema: Schema, rows: int, arrays: Iterator[Array]) -> Array:
    valid = next(arrays) if schema.optional else None
    weights = np.full(rows, FIXED_WEIGHT, np.int64)
    if schema.kind in RECORDS:
        for field in schema.fields:
            weights += _weights(field, rows, arrays)
    else:
        leaf = arrays_of(Schema(schema.kind, parameters=schema.parameters))
        for spec, array in zip(leaf, [next(arrays) for _ in leaf], strict=True):
            if spec.unit == "offset":
                weights += np.diff(array)
            elif spec.shape:
                weights += array[:1].nbytes
    return weights if valid is None else np.where(valid, weights, FIXED_WEIGHT)
