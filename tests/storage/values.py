"""Values that are hard to store exactly, and an equality that sees every difference."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import strategies as st

from dtset.plan.rows import row_class
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


T = TypeVar("T")


@dataclass(frozen=True)
class Frozen(Generic[T]):
    key: str
    value: T


@dataclass
class Odd:
    """Whose instances are not always what its fields say."""

    name: object

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name}


@dataclass
class Slotted:
    __slots__ = ("name",)
    name: object


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Light(Generic[T]):
    name: str
    value: T


@dataclass
class Derived:
    text: str
    size: int = field(init=False)
    tail: object = None

    def __post_init__(self) -> None:
        self.size = len(self.text)


class Named(NamedTuple, Generic[T]):
    first: T
    second: str = ""


class Missing:
    def __reduce__(self) -> str:
        return "MISSING"


MISSING = Missing()


def strict(value: Any) -> Any:
    """What two values have in common exactly if no program can tell them apart."""
    kind = type(value)
    if isinstance(value, float) and not isinstance(value, np.generic):
        return kind, struct.pack("<d", value)
    if kind in (int, bool, str, bytes, type(None)):
        return kind, value
    if isinstance(value, int):
        return kind, int(value)
    if isinstance(value, str):
        return kind, str(value)
    if isinstance(value, complex):
        return kind, strict(value.real), strict(value.imag)
    if isinstance(value, np.generic | np.ndarray):
        order = value.flags.fnc if kind is np.ndarray else None
        held = strict(value.tolist()) if value.dtype.hasobject else value.tobytes()
        return kind, value.dtype.str, value.shape, order, held
    if kind is datetime:
        return kind, value.replace(tzinfo=None), value.fold, strict(value.tzinfo)
    if kind is timezone:
        return kind, value.__getinitargs__()
    if kind is ZoneInfo:
        return kind, value.__reduce__()[1]
    if kind in (date, timedelta):
        return kind, value
    if isinstance(value, tuple | list):
        return kind, tuple(map(strict, value))
    if isinstance(value, dict):
        return kind, tuple((strict(k), strict(v)) for k, v in value.items())
    if isinstance(value, set | frozenset):
        return kind, frozenset(map(strict, value))
    if is_dataclass(value) and not isinstance(value, type):
        found = getattr(value, "__dict__", None)
        names = tuple(field.name for field in fields(value))
        return kind, strict(found), tuple(strict(getattr(value, name)) for name in names)
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
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
zones = st.one_of(
    st.sampled_from([UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("UTC"), ZoneInfo.no_cache("UTC")]),
    st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23))),
    st.builds(timezone, st.just(timedelta(hours=1)), st.sampled_from(["", "CET"])),
)
times = st.datetimes(allow_imaginary=True, timezones=st.none())
folded = st.builds(lambda time, fold: time.replace(fold=fold), times, st.integers(0, 1))


def aware(zone: Any) -> st.SearchStrategy[datetime]:
    return folded.map(lambda time: time.replace(tzinfo=zone))


_DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"]
_TIMED = ["M8", "M8[s]", "M8[1000ms]", "M8[us]", "M8[D]", "m8", "m8[ns]", "m8[25s]"]
dtypes = st.sampled_from([*_DTYPES, *_TIMED])


def arrays(dtype: str, shape: tuple[int, ...]) -> st.SearchStrategy[Any]:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    entries = st.binary(min_size=size, max_size=size)
    if dtype == "?":
        entries = entries.map(lambda found: bytes(each & 1 for each in found))
    return entries.map(lambda found: np.frombuffer(found, dtype).reshape(shape).copy())


def scalars(dtype: str) -> st.SearchStrategy[Any]:
    return arrays(dtype, (1,)).map(lambda array: array[0])


# What has a column of its own, each strategy for one kind.
shapes = st.sampled_from([(1,), (3,), (2, 2)])
kinds = st.one_of(
    st.sampled_from(
        [
            st.none(),
            st.booleans(),
            st.integers(-(2**63), 2**63 - 1),
            floats,
            text,
            st.binary(max_size=4),
        ]
    ),
    st.sampled_from(
        [
            st.builds(complex, floats, floats),
            folded,
            st.dates(),
            st.timedeltas().filter(lambda t: abs(t.days) < 10**8),
        ]
    ),
    st.sampled_from([UTC, timezone(timedelta(hours=1), "CET"), ZoneInfo("Europe/Berlin")]).map(
        aware
    ),
    dtypes.map(scalars),
    st.builds(arrays, dtypes, shapes),
)
odd = st.one_of(
    zones.flatmap(aware),
    dtypes.flatmap(scalars),
    st.timedeltas(),
    st.sampled_from([np.longdouble(1), np.str_("a"), np.array(5), np.zeros((2, 0))]),
    st.sampled_from([np.zeros((2, 2), order="F"), np.arange(6.0)[::2], np.array([1, "a"], object)]),
    st.sampled_from([np.arange(3, dtype=">i4"), np.array(["a"])]),
    st.builds(arrays, dtypes, shapes).flatmap(lambda each: each),
)


leaves = st.one_of(
    st.none(),
    odd,
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


def _extended(value: Any) -> Record:
    record = Record(value, None)
    record.more = value  # type: ignore[attr-defined]
    return record


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(Pair),
        st.builds(Point, inner, inner),
        st.builds(Record, inner, inner),
        st.builds(Frozen, st.text(max_size=2), inner),
        st.builds(Odd, inner),
        st.builds(Slotted, inner),
        st.builds(Light, st.text(max_size=2), inner),
        st.builds(_extended, inner),
        st.tuples(inner, inner).map(lambda pair: (pair[0], pair[1], pair[0])),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        st.dictionaries(hashable, inner, max_size=3),
        st.frozensets(hashable, max_size=3),
    )


values = st.recursive(leaves, _nested, max_leaves=6)

_names = st.lists(text | st.sampled_from("abc"), max_size=3, unique=True)


def _of_names(names: list[str], strategies: list[Any]) -> st.SearchStrategy[dict[str, Any]]:
    values = st.tuples(*strategies[: len(names)])
    return values.map(lambda found: dict(zip(names, found, strict=True)))


_typed = st.recursive(
    kinds,
    lambda inner: st.one_of(
        inner.map(lambda strategy: st.one_of(st.none(), strategy)),
        st.lists(inner, max_size=3).map(lambda strategies: st.tuples(*strategies)),
        st.builds(lambda one, other: st.builds(Point, one, other), inner, inner),
        inner.map(lambda one: st.builds(Named, one, text)),
        st.builds(lambda one, other: st.builds(Record, one, other), inner, inner),
        inner.map(lambda one: st.builds(Frozen, text, one)),
        inner.map(lambda one: st.builds(Light, text, one)),
        inner.map(lambda one: st.builds(Derived, text, one)),
        inner.map(lambda one: st.builds(row_class(("a", "b c")), one, text)),
        st.builds(_of_names, _names, st.lists(inner, min_size=3, max_size=3)),
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
