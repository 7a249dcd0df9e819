"""Hashes of columns are those of their elements."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dtset.exchange.column_hash import hashes_of
from dtset.exchange.stable_hash import stable_hash
from dtset.storage.columns import to_columns

LEAVES = [
    st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3),
    st.floats() | st.integers(-(2**70), 2**70).map(float),
    st.booleans(),
    st.text(max_size=20) | st.text(alphabet="ab\0", max_size=400),
    st.binary(max_size=20),
]
FIELDS = [*LEAVES, *(st.none() | leaf for leaf in LEAVES), st.none()]
COLUMNS = st.sampled_from(FIELDS).flatmap(st.lists) | st.lists(
    st.sampled_from(FIELDS), max_size=3
).flatmap(lambda fields: st.lists(st.tuples(*fields) | st.none()))
PRIME = 2**61 - 1


@given(COLUMNS)
@example([-1, -2, PRIME, -PRIME, -PRIME - 1, PRIME - 1, -PRIME - 2, -(2**63), 2**63 - 1])
@example([0.0, -0.0, -1.0, -2.0, float(PRIME), 5e-324, -5e-324, 1e308, float("inf"), -float("inf")])
@example([float("nan"), 2.0**61, -(2.0**61), 0.1])
@example(["a", "a\0", "\0a", "", "ä" * 9, "x" * 256, "x" * 257])
def test_columns_are_hashed_as_their_elements(keys):
    assert hashes_of(to_columns(keys)).tolist() == [stable_hash(key) for key in keys]


@pytest.mark.parametrize(
    "keys",
    [
        range(0, 40_000, 4),
        [float(i) / 8 for i in range(10_000)],
        [f"aaaaaa{i}" for i in range(10_000)],
        [f"{i:05d}-suffix" for i in range(10_000)],
        [(i, "x") for i in range(10_000)],
        [-i for i in range(10_000)],
    ],
)
@pytest.mark.parametrize("targets", [2, 3, 4, 64])
def test_keys_that_are_alike_are_spread_over_all_targets(keys, targets):
    found = hashes_of(to_columns(list(keys))) % targets
    counts = [int((found == target).sum()) for target in range(targets)]
    mean = len(found) / targets
    assert min(counts) > 0.7 * mean
    assert max(counts) < 1.3 * mean
