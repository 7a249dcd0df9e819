"""Schemas: which kinds of columns a batch is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from dtset.storage.kinds import KIND_OF, KINDS, ArraySpec

_MAX_LEAVES = 64
_MAX_DEPTH = 8
# Deeper than any schema may be: where to stop looking.
MAX_NESTING = 16
FIXED_WEIGHT = 8
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Schema:
    """What the elements of a batch are.

    Its kind is that of a leaf, ``tuple``, ``none`` (nothing but None), or ``pickled``; it is `optional` if None
    occurs among the elements.

    Examples
    --------
    >>> schema = Schema("tuple", fields=(Schema("text"), Schema("int64", optional=True)))
    >>> [array.name for array in arrays_of(schema)]
    ['f0.offsets', 'f0.data', 'f1.valid', 'f1.values']
    >>> Schema.from_json(schema.to_json()) == schema
    True
    """

    kind: str
    optional: bool = False
    fields: tuple[Schema, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what metadata and records hold."""
        parts: dict[str, Any] = {"kind": self.kind}
        if self.optional:
            parts["optional"] = True
        if self.kind == "tuple":
            parts["fields"] = [field.to_json() for field in self.fields]
        return parts

    @classmethod
    def from_json(cls, parts: dict[str, Any]) -> Schema:
        """Read what `to_json` gave."""
        fields = tuple(cls.from_json(field) for field in parts.get("fields", ()))
        return cls(parts["kind"], bool(parts.get("optional", False)), fields)


NONE = Schema("none")
PICKLED = Schema("pickled")


@lru_cache(maxsize=1024)
def arrays_of(schema: Schema) -> tuple[ArraySpec, ...]:
    """Return the arrays that hold batches of a schema, in their fixed order.

    Examples
    --------
    >>> [array.name for array in arrays_of(Schema("float64"))]
    ['values']
    """
    return tuple(_arrays(schema, ""))


def _arrays(schema: Schema, prefix: str) -> Iterator[ArraySpec]:
    if schema.optional:
        yield ArraySpec(f"{prefix}valid", "bool", "row")
    if schema.kind == "tuple":
        for number, field in enumerate(schema.fields):
            yield from _arrays(field, f"{prefix}f{number}.")
    elif schema.kind != "none":
        leaf = KINDS["bytes" if schema.kind == "pickled" else schema.kind]
        for array in leaf.arrays:
            yield replace(array, name=prefix + array.name)


def join(one: Schema, other: Schema) -> Schema:
    """Return the narrowest schema that holds the elements of both.

    The schema of a batch is the join of those of its elements, so that it does not matter how
    elements were split into batches before.

    Examples
    --------
    >>> join(Schema("int64"), NONE)
    Schema(kind='int64', optional=True, fields=())
    >>> join(Schema("int64"), Schema("float64")) == PICKLED
    True
    """
    if one == other:
        return one
    if PICKLED in (one, other):
        return PICKLED
    if NONE in (one, other):
        return replace(other if one == NONE else one, optional=True)
    if one.kind != other.kind or len(one.fields) != len(other.fields):
        return PICKLED
    fields = tuple(map(join, one.fields, other.fields))
    if PICKLED in fields:
        return PICKLED
    return bounded(Schema(one.kind, one.optional or other.optional, fields))


def fits(narrow: Schema, wide: Schema) -> bool:
    """Tell whether a segment of the wide schema takes a batch of the narrow one as well.

    A pickled segment takes only what has to be pickled.

    Examples
    --------
    >>> fits(Schema("int64"), Schema("int64", optional=True)), fits(Schema("int64"), PICKLED)
    (True, False)
    """
    return narrow == wide or (wide != PICKLED and join(narrow, wide) == wide)


def bounded(schema: Schema) -> Schema:
    """Return the schema, or `PICKLED` where it would take too many arrays.

    Examples
    --------
    >>> bounded(Schema("tuple", fields=(Schema("int64"),) * 65)) == PICKLED
    True
    """
    leaves, depth = _extent(schema)
    return schema if leaves <= _MAX_LEAVES and depth <= _MAX_DEPTH else PICKLED


@lru_cache(maxsize=1024)
def _extent(schema: Schema) -> tuple[int, int]:
    if schema.kind != "tuple":
        return 1, 0
    inner = [_extent(field) for field in schema.fields]
    return sum(leaves for leaves, _ in inner), 1 + max((depth for _, depth in inner), default=0)


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
        if depth >= MAX_NESTING:
            return None
        inner = []
        for field in element:
            found = _weigh(field, depth + 1)
            if found is None:
                return None
            inner.append(found)
        schema = Schema("tuple", fields=tuple(schema for _, schema in inner))
        return FIXED_WEIGHT + sum(weight for weight, _ in inner), schema
    if element is None:
        return FIXED_WEIGHT, NONE
    kind = KIND_OF.get(kind_type)
    if kind is None or (kind_type is int and not _INT_MIN <= element <= _INT_MAX):
        return None
    if kind_type is bytes:
        return FIXED_WEIGHT + len(element), Schema("bytes")
    if kind_type is str:
        if element.isascii():
            return FIXED_WEIGHT + len(element), Schema("text")
        try:
            return FIXED_WEIGHT + len(element.encode("utf-8")), Schema("text")
        except UnicodeEncodeError:
            return None
    return FIXED_WEIGHT, Schema(kind.name)
