"""Batches and failures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtset.exchange.deal import DealChangedError, Piece, common_deal, deal_of, sent
from dtset.execution.lower import grouped
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


@given(st.integers(1, 50), st.integers(1, 50))
def test_groups_are_contiguous_and_of_about_the_same_size(partitions, groups):
    cut = grouped(range(partitions), groups)
    assert [p for group in cut for p in group] == list(range(partitions))
    assert len(cut) == min(partitions, groups)
    assert max(map(len, cut)) - min(map(len, cut)) <= 1


def test_an_error_is_noted_once():
    outer, inner = Place("map", "f", 1), Place("filter", "g", 1)
    with pytest.raises(ValueError, match="x") as caught, outer.noting(), inner.noting():
        raise ValueError("x")
    assert caught.value.__notes__ == ["dtset: raised in filter g, partition 1"]


def test_deals_are_equal_for_equal_pieces_however_they_were_grouped():
    blocks = {0: {0: [b"a"], 1: [b"b"]}, 1: {1: [b"c"]}}
    digests = {source: sent(0, made).digest for source, made in blocks.items()}
    together = [Piece(0, digests, {}, None)]
    apart = [Piece(0, {source: digest}, {}, None) for source, digest in digests.items()]
    assert deal_of(together) == deal_of(list(reversed(apart)))
    other = [Piece(0, {**digests, 1: sent(0, {0: [b"c"]}).digest}, {}, None)]
    assert deal_of(other) != deal_of(together)
    assert deal_of([Piece(0, digests, {}, "another")]) != deal_of(together)
    assert deal_of([*together, Piece(1, digests, {}, None)]) != deal_of(together)


def test_deals_are_never_mixed():
    assert common_deal(["a", "a"]) == "a"
    assert common_deal([]) is None
    with pytest.raises(DealChangedError):
        common_deal(["a", "b"])
