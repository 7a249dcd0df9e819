"""Keys that are equal have equal hashes, in every process."""

from __future__ import annotations

import enum
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dtset.exchange.stable_hash import nan_token, stable_hash, target_of


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


class Mode(enum.StrEnum):
    FAST = "fast"


class Point(NamedTuple):
    x: int
    y: int


@dataclass(frozen=True)
class Frozen:
    x: object


@dataclass(unsafe_hash=True)
class Unsafe:
    x: object
    label: str = "one"


@attrs.frozen
class Attrs:
    x: object
    label: str = attrs.field(default="one", eq=str.lower)


class Model(pydantic.BaseModel, frozen=True):
    x: Any
    label: str = "one"


T = TypeVar("T")


class GenericModel(pydantic.BaseModel, Generic[T], frozen=True):
    x: T


class Named:
    def __init__(self, name):
        self.name = name

    def __dtset_hash__(self):
        return self.name.lower()


numbers = st.one_of(
    st.integers(-3, 3),
    st.booleans(),
    st.floats(allow_nan=True, width=16),
    st.fractions(max_denominator=2),
    st.decimals(-3, 3, places=1),
    st.complex_numbers(max_magnitude=3, allow_nan=False),
)
keys = st.recursive(
    st.one_of(numbers, st.text(max_size=2), st.binary(max_size=2), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2).map(tuple),
        st.frozensets(inner, max_size=2),
        inner.map(Frozen),
        inner.map(Unsafe),
        inner.map(Attrs),
        inner.map(lambda x: Model(x=x)),
    ),
    max_leaves=4,
)


scalars = st.one_of(
    numbers, st.integers(-3, 3).map(np.int32), st.floats(-3, 3, width=16).map(np.float32)
)


def equal(one, other):
    try:
        return bool(one == other)
    except (TypeError, ValueError, OverflowError):
        # NumPy's integers and times, and pandas's, raise when they are compared with some others.
        return False


@given(scalars, scalars)
@example(Decimal("0.0"), np.int32(0))
def test_equal_numbers_have_equal_hashes(one, other):
    # NumPy compares numbers as the narrower of their types, under which 5e-324 is 0; a dict does not.
    if equal(one, other) and hash(one) == hash(other):
        assert stable_hash(one) == stable_hash(other)


@given(keys, keys)
def test_equal_keys_have_equal_hashes(one, other):
    if one == other:
        assert stable_hash(one) == stable_hash(other)


def nearby(unit):
    return st.integers(-2, 2).map(lambda n: np.datetime64(n, unit))


BERLIN = ZoneInfo("Europe/Berlin")
seconds = st.integers(-2, 2) | st.integers(-2, 2).map(lambda n: n * 86_400)
# Twice on the clock in Berlin: 00:30 and 01:30 UTC.
folded = st.sampled_from(
    [datetime(2025, 10, 26, 0, 30, tzinfo=UTC) + timedelta(hours=h) for h in (0, 1)]
)
times = st.one_of(
    st.sampled_from(
        ["Y", "M", "W", "D", "h", "m", "s", "25s", "ms", "us", "ns", "ps", "fs", "as"]
    ).flatmap(nearby),
    seconds.map(lambda n: datetime(1970, 1, 1) + timedelta(seconds=n)),
    seconds.map(lambda n: datetime.fromtimestamp(n, UTC)),
    seconds.map(lambda n: datetime.fromtimestamp(n, BERLIN)),
    folded,
    folded.map(lambda moment: moment.astimezone(BERLIN)),
    folded.map(lambda moment: pd.Timestamp(moment).tz_convert("Europe/Berlin")),
    seconds.map(lambda n: pd.Timestamp(n, unit="s")),
    seconds.map(lambda n: pd.Timestamp(n, unit="s").as_unit("s")),
    st.integers(-2, 2).map(pd.Timestamp),
    seconds.map(lambda n: pd.Timestamp(n, unit="s", tz="UTC").tz_convert("Europe/Berlin")),
    st.integers(-2, 2).map(lambda n: date(1970, 1, 1) + timedelta(n)),
    st.sampled_from([pd.Period("1970-01", "M"), pd.Period("1970-01-01", "D"), pd.NaT, pd.NA]),
)
lengths = st.one_of(
    st.sampled_from(["Y", "M", "W", "D", "h", "m", "s", "25s", "ms", "us", "ns", "as"]).flatmap(
        lambda unit: st.sampled_from([0, 1, 12, 1000]).map(lambda n: np.timedelta64(n, unit))
    ),
    seconds.map(lambda n: timedelta(seconds=n)),
    seconds.map(lambda n: pd.Timedelta(n, unit="s")),
    st.integers(-2, 2).map(pd.Timedelta),
    st.integers(-2, 2),
)
others = st.sampled_from(
    [
        *(range(a, b, c) for a in (0, 1) for b in (0, 1, 3, 4) for c in (1, 2)),
        *(make("10.0.0.1") for make in (ip_address, ip_interface, ip_network)),
        ip_interface("10.0.0.1/24"), ip_network("10.0.0.0/24"), ip_address("::1"), ip_address("::1%eth0"),
        int, bool, Colour, Point, Model, len, equal, PurePosixPath("a"), PureWindowsPath("a"), PureWindowsPath("A"),
        "a", "A", Mode.FAST, "fast", np.str_("a"), b"a", np.bytes_(b"a"), Level.LOW, 1, True, None,
        Attrs(1, "A"), Attrs(1, "a"), Frozen(1), Unsafe(1), Model(x=1), Model(x=True), GenericModel(x=1),
        GenericModel[int](x=1), pd.Interval(0, 1), pd.Interval(0.0, 1.0), pd.Interval(0, 1, "left"),
        time(2, 30, tzinfo=UTC), time(3, 30, tzinfo=timezone(timedelta(hours=1))), time(2, 30), time(2, 30, fold=1),
        datetime(2025, 10, 26, 2, 30, fold=1), datetime(2025, 10, 26, 2, 30), UUID(int=1),
    ]
)  # fmt: skip


@given(st.one_of(*(st.tuples(kind, kind) for kind in (times, lengths, others, numbers))))
@example((0, np.timedelta64(0, "Y")))
def test_keys_that_are_one_in_a_dict_have_equal_hashes(pair):
    one, other = pair
    if hash(one) == hash(other) and equal(one, other):
        assert stable_hash(one) == stable_hash(other)
        assert stable_hash(("a", one)) == stable_hash(("a", other))


NANS = [float("nan"), Decimal("nan"), complex("nan"), np.float32("nan")]
NATS = [pd.NaT, np.datetime64("NaT"), np.timedelta64("NaT", "s")]


def held(key):
    return [
        key, ("a", key), (("a", key), 1), frozenset([key, 1]), Frozen(key), Unsafe((key,)), Attrs(key), Model(x=key),
    ]  # fmt: skip


@pytest.mark.parametrize("missing", [NANS, NATS])
def test_nans_are_one_key_at_any_depth(missing):
    for same in zip(*map(held, [*missing, *missing]), strict=True):
        assert len({stable_hash(key) for key in same}) == 1
        assert len({nan_token(key) for key in same}) == 1
    assert len({nan_token(key) for key in held(missing[0])}) == 8
    two = frozenset([*missing, 1])
    assert nan_token(two) == nan_token(frozenset([missing[0], 1]))
    assert stable_hash(two) == stable_hash(frozenset([missing[0], 1]))


def test_nan_is_not_nat_and_what_stands_beside_it_counts():
    keys = [(nan, x) for nan in (NANS[0], NATS[0]) for x in (1, 2)]
    keys += [Frozen(NANS[0]), Unsafe(NANS[0]), Unsafe(NANS[0], "two")]
    assert len({nan_token(key) for key in keys}) == len(keys)


@given(keys)
def test_only_keys_with_a_nan_in_them_have_a_token(key):
    assert (nan_token(key) is None) is ("nan" not in repr(key).lower())


@pytest.mark.parametrize(
    "equal",
    [
        (
            1,
            1.0,
            True,
            Decimal(1),
            Fraction(1),
            np.int8(1),
            np.float64(1),
            np.True_,
            Level.LOW,
            1 + 0j,
        ),
        (0, 0.0, -0.0, False),
        ("fast", Mode.FAST, np.str_("fast")),
        (b"x", np.bytes_(b"x")),
        ((1, 2), Point(1, 2), (True, 2.0)),
        (
            datetime(2026, 1, 1, 12, tzinfo=UTC),
            datetime(2026, 1, 1, 14, tzinfo=timezone(timedelta(hours=2))),
        ),
        (float("nan"), np.float32("nan"), Decimal("nan")),
        (Named("A"), Named("a")),
        (
            datetime(2026, 1, 1),
            np.datetime64("2026"),
            np.datetime64("2026-01-01", "ns"),
            pd.Timestamp("2026-01-01"),
            pd.Timestamp("2026-01-01").as_unit("s"),
        ),
        (
            datetime(2026, 1, 1, 12, tzinfo=UTC),
            pd.Timestamp("2026-01-01 14:00", tz="Africa/Cairo"),
        ),
        (
            timedelta(minutes=1),
            pd.Timedelta("60s"),
            np.timedelta64(1, "m"),
            np.timedelta64(60_000, "ms"),
        ),
        (np.timedelta64(1, "Y"), np.timedelta64(12, "M"), 12),
        (range(0, 3, 2), range(0, 4, 2)),
        (PureWindowsPath("C:/A"), PureWindowsPath("c:/a")),
        (GenericModel(x=1), GenericModel[int](x=1)),
    ],
)
def test_these_meet(equal):
    assert len({stable_hash(key) for key in equal}) == 1


def test_different_keys_have_different_hashes():
    different = [
        "1", 1, b"1", None, (), ("a",), frozenset(), Colour.RED, 2**70, -1, "a", date(2026, 1, 1),
        datetime(2026, 1, 1, 1), time(1), timedelta(1), UUID(int=5), PurePosixPath("a/b"), Frozen(3), range(3),
        pd.Period("2026", "Y"), pd.Interval(0, 1), ip_address("10.0.0.1"), ip_network("10.0.0.1"), pd.NaT, pd.NA,
        float("nan"), int, len, np.timedelta64(3, "M"),
    ]  # fmt: skip
    assert len({stable_hash(key) for key in different}) == len(different)


class Equal:
    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


@dataclass(frozen=True)
class Overridden:
    x: int

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


class Loud(str):
    __slots__ = ()

    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


@pytest.mark.parametrize(
    "key", [object(), Equal(), Overridden(1), Loud("a"), (1, Equal()), [1], np.dtype("f8")]
)
def test_types_whose_equality_is_not_known_are_named(key):
    with pytest.raises(TypeError, match=r"object|Equal|Overridden|Loud|list|dtype"):
        stable_hash(key)


EVERY_KIND = """
import enum, numpy as np, pandas as pd, pydantic
from dataclasses import dataclass
from datetime import *
from decimal import Decimal
from fractions import Fraction
from ipaddress import *
from pathlib import *
from uuid import UUID
from dtset.exchange.stable_hash import target_of as t

class Colour(enum.Enum):
    RED = 1

@dataclass(unsafe_hash=True)
class Unsafe:
    x: object

class Model(pydantic.BaseModel, frozen=True):
    x: object

nan = float("nan")
keys = [
    "a", b"b", (1, "c"), 2.5, nan, ("a", nan), frozenset("xyz"), frozenset(["x", nan]), None, 1j, Decimal("1.5"),
    Fraction(1, 3), date(2026, 1, 1), datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC), time(1), timedelta(1),
    np.datetime64("2026-01-01"), np.timedelta64(1, "ms"), np.timedelta64(1, "M"), np.datetime64("NaT"), pd.NaT, pd.NA,
    pd.Timestamp(5), pd.Timestamp(5, tz="Asia/Tokyo"), pd.Timedelta(5), pd.Period("2026-01"), pd.Interval(0, 1),
    ip_address("10.0.0.1"), ip_address("::1"), ip_network("10.0.0.0/8"), ip_interface("10.0.0.1/8"), range(3),
    PurePosixPath("a"), UUID(int=1), Colour.RED, Colour, len, t, Unsafe("a"), Model(x="a"), np.str_("a"), np.float32(1),
]
print([t(k, 10**9) for k in keys])
"""


def test_hashes_are_the_same_in_every_process():
    seen = {
        subprocess.run(
            [sys.executable, "-c", EVERY_KIND],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(seen) == 1


@pytest.mark.parametrize("keys", [range(0, 40_000, 4), [f"user{i}" for i in range(10_000)]])
def test_keys_spread_over_targets(keys):
    counts = np.bincount([target_of(key, 8) for key in keys], minlength=8)
    assert counts.min() > 0.8 * counts.mean()
