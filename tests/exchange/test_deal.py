"""What an exchange sends is one deal, never parts of two."""

from __future__ import annotations

import hashlib

import pytest

from dtset.exchange.deal import DealChangedError, Piece, Sent, common_deal, deal_of
from dtset.execution.exchange.receiving import split_group
from dtset.execution.stage import GroupResult


def sent(side, blocks):
    return Sent(side, blocks, hashlib.sha256(repr(blocks).encode()).hexdigest())


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


def test_what_a_map_task_sends_is_hashed_once(monkeypatch):
    made = GroupResult({0: sent(0, {0: [b"a"], 1: [b"b"]}), 1: sent(0, {1: [b"c"]})}, "above")
    monkeypatch.setattr(hashlib, "sha256", None)
    pieces = [split_group(made, range(1)), split_group(made, range(1, 2))]
    assert [piece.blocks for piece in pieces] == [
        {0: [(0, [b"a"])]},
        {1: [(0, [b"b"]), (1, [b"c"])]},
    ]
    assert pieces[0].digests == pieces[1].digests
    assert split_group(made).blocks == {**pieces[0].blocks, **pieces[1].blocks}
