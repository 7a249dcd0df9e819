"""Keys that are equal have equal hashes, in every process."""

from __future__ import annotations

import enum
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from typing import NamedTuple
from uuid import UUID

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dtset.execution.exchange.stable_hash import stable_hash, target_of


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
        st.lists(inner, max_size=2).map(tuple), st.frozensets(inner, max_size=2), inner.map(Frozen)
    ),
    max_leaves=4,
)


scalars = st.one_of(
    numbers, st.integers(-3, 3).map(np.int32), st.floats(-3, 3, width=16).map(np.float32)
)


def equal(one, other):
    try:
        return bool(one == other)
    except TypeError:
        # NumPy's integers raise when they are compared with decimals that are no integers of their kind.
        return False


@given(scalars, scalars)
@example(Decimal("0.0"), np.int32(0))
def test_equal_numbers_have_equal_hashes(one, other):
    if equal(one, other):
        assert stable_hash(one) == stable_hash(other)


@given(keys, keys)
def test_equal_keys_have_equal_hashes(one, other):
    if one == other:
        assert stable_hash(one) == stable_hash(other)


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
    ],
)
def test_these_meet(equal):
    assert len({stable_hash(key) for key in equal}) == 1


def test_different_keys_have_different_hashes():
    different = [
        "1", 1, b"1", None, (), ("a",), frozenset(), Colour.RED, 2**70, -1, "a", date(2026, 1, 1),
        datetime(2026, 1, 1), time(1), timedelta(1), UUID(int=5), PurePosixPath("a/b"), Frozen(3),
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
    "key", [object(), Equal(), Overridden(1), Loud("a"), (1, Equal()), range(3)]
)
def test_types_whose_equality_is_not_known_are_named(key):
    with pytest.raises(TypeError, match=r"object|Equal|Overridden|Loud|range"):
        stable_hash(key)


def test_hashes_are_the_same_in_every_process():
    source = (
        "from dtset.execution.exchange.stable_hash import target_of as t;"
        "print([t(k, 1000) for k in ('a', b'b', (1, 'c'), 2.5, frozenset('xyz'), None)])"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", source],
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
