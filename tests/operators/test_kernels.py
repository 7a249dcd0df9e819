"""Batches and failures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtset.operators.kernels.batching import batched
from dtset.operators.kernels.failure import Place


@given(st.lists(st.integers()), st.integers(1, 100))
def test_batches_hold_all_elements_in_order(elements, limit):
    batches = list(batched(iter(elements), limit))
    assert [x for batch in batches for x in batch.rows()] == elements
    assert all(0 < len(batch) <= limit for batch in batches)


def test_batches_of_large_elements_are_short():
    elements = (np.zeros(2**17) for _ in range(200))
    lengths = [len(batch) for batch in batched(elements, 8192)]
    assert sum(lengths) == 200
    assert max(lengths[1:]) <= 4


def test_an_error_is_noted_once():
    outer, inner = Place("map", "f", 1), Place("filter", "g", 1)
    with pytest.raises(ValueError, match="x") as caught, outer.noting(), inner.noting():
        raise ValueError("x")
    assert caught.value.__notes__ == ["dtset: raised in filter g, partition 1"]
