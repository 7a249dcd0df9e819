"""Values that are hard to store exactly, and an equality that sees every difference."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from hypothesis import strategies as st

from dtset.storage.batch import Columns, Encoder, Rows
from dtset.storage.pickling import ClassResolver, present_class


def encoded(elements: list[Any], **options: Any) -> Columns:
    return Encoder(**options).encode(Rows(elements))


def decoded(columns: Columns, resolver: ClassResolver = present_class) -> list[Any]:
    return replace(columns, resolver=resolver, _decoded=None).rows()


class Int(int):
    pass


class Text(str):
    pass


class Pair(tuple):  # type: ignore[type-arg]
    __slots__ = ()


class Float(float):
    pass


class Point(NamedTuple):
    x: object
    y: object


class Colour(enum.Enum):
    RED = 1
    BLUE = "blue"


@dataclass
class Record:
    name: object
    score: object

    class Inner:
        pass

    def label(self) -> str:
        return f"{self.name}!"


class Missing:
    def __reduce__(self) -> str:
        return "MISSING"


MISSING = Missing()


def strict(value: Any) -> Any:
    """What two values have in common exactly if no program can tell them apart."""
    kind = type(value)
    if kind is float or isinstance(value, float):
        return kind, struct.pack("<d", value)
    if kind in (int, bool, str, bytes, type(None)):
        return kind, value
    if isinstance(value, int):
        return kind, int(value)
    if isinstance(value, str):
        return kind, str(value)
    if isinstance(value, tuple | list):
        return kind, tuple(map(strict, value))
    if isinstance(value, dict):
        return kind, tuple((strict(k), strict(v)) for k, v in value.items())
    if isinstance(value, set | frozenset):
        return kind, frozenset(map(strict, value))
    if isinstance(value, Record):
        return kind, strict(vars(value))
    assert isinstance(value, Colour | Missing | type), kind
    return kind, id(value)


def nan(payload: int) -> float:
    bits = 0x7FF0_0000_0000_0000 | (payload % (1 << 52) or 1) | (payload >> 60 & 1) << 63
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])


integers = st.one_of(
    st.integers(-3, 3), st.integers(), st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1])
)
floats = st.one_of(st.floats(), st.just(-0.0), st.integers(0, 2**62).map(nan))
texts = st.one_of(
    st.text(),
    st.text(st.characters(), max_size=3),
    st.sampled_from(["\ud800", "\ud800\udc00", "\x00", "é"]),
)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    integers,
    floats,
    texts,
    st.binary(max_size=5),
    st.integers().map(Int),
    st.text(max_size=2).map(Text),
    st.floats(allow_nan=False).map(Float),
    st.sampled_from([Colour.RED, Colour.BLUE, MISSING, Record, Record.Inner, int]),
)
hashable = st.one_of(st.booleans(), integers, texts)


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(Pair),
        st.builds(Point, inner, inner),
        st.builds(Record, inner, inner),
        st.dictionaries(hashable, inner, max_size=3),
        st.frozensets(hashable, max_size=3),
    )


values = st.recursive(leaves, _nested, max_leaves=6)

_typed = st.recursive(
    st.sampled_from(
        [
            st.none(),
            st.booleans(),
            st.integers(-(2**63), 2**63 - 1),
            floats,
            st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
            st.binary(max_size=4),
        ]
    ),
    lambda inner: st.one_of(
        inner.map(lambda strategy: st.one_of(st.none(), strategy)),
        st.lists(inner, max_size=3).map(lambda strategies: st.tuples(*strategies)),
    ),
    max_leaves=5,
)

# Batches of one kind, of a few kinds after each other, and of anything mixed.
uniform_batches = _typed.flatmap(lambda strategy: st.lists(strategy, max_size=12))
batches = st.one_of(
    uniform_batches,
    st.lists(uniform_batches, max_size=3).map(
        lambda parts: [each for part in parts for each in part]
    ),
    st.lists(values, max_size=6),
)
