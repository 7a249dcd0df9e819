"""What an exchange sends, and the proof that it is one consistent deal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["DealChangedError", "Piece", "Sent", "common_deal", "deal_of", "sent"]


class DealChangedError(Exception):
    """Inputs of one task came from different runs of the same map side; the driver starts it again."""


@dataclass(frozen=True)
class Sent:
    """What one map-side partition sends.

    Parameters
    ----------
    side : int
        Which input of the exchange it belongs to.
    blocks : mapping of int to sequence of bytes
        By target, encoded elements in their order.
    digest : str
        Digest of all of it, taken once: pieces carry it.
    """

    side: int
    blocks: Mapping[int, Sequence[bytes]] = field(repr=False)
    digest: str


@dataclass(frozen=True)
class Piece:
    """What some map-side partitions of one input send to some targets.

    Parameters
    ----------
    side : int
        Which input of the exchange they belong to.
    digests : mapping of int to str
        For each map-side partition, the digest of all that it sends, to whatever target.
    blocks : mapping of int to sequence of (int, sequence of bytes)
        For each target, the map-side partitions and what they send to it.
    deal : str or None
        The deal that the map side itself was computed from.
    """

    side: int
    digests: Mapping[int, str]
    blocks: Mapping[int, Sequence[tuple[int, Sequence[bytes]]]] = field(repr=False)
    deal: str | None


def sent(side: int, blocks: Mapping[int, Sequence[bytes]]) -> Sent:
    """Return what a map-side partition sends, with its digest.

    Examples
    --------
    >>> sent(0, {0: [b"ab"]}).digest == sent(0, {0: [b"a", b"b"]}).digest
    False
    """
    hasher = hashlib.sha256()
    for target, encoded in sorted(blocks.items()):
        for block in encoded:
            hasher.update(f"{target}:{len(block)};".encode())
            hasher.update(block)
    return Sent(side, blocks, hasher.hexdigest())


def common_deal(deals: Iterable[str | None]) -> str | None:
    """Return the deal that all inputs came from.

    Raises
    ------
    DealChangedError
        They came from more than one.
    """
    distinct = set(deals)
    if len(distinct) > 1:
        raise DealChangedError("a map task ran again, and gave something else than before")
    return distinct.pop() if distinct else None


def deal_of(pieces: Sequence[Piece]) -> str:
    """Return the name of the deal that pieces belong to: two targets may be mixed if theirs are equal."""
    by_side: dict[int, list[Piece]] = {}
    for piece in pieces:
        by_side.setdefault(piece.side, []).append(piece)
    hasher = hashlib.sha256()
    for side, of_side in sorted(by_side.items()):
        upstream = common_deal(piece.deal for piece in of_side)
        hasher.update(f"side {side}, deal of {upstream};".encode())
        digests = {number: digest for piece in of_side for number, digest in piece.digests.items()}
        for partition, digest in sorted(digests.items()):
            hasher.update(f"{partition}:{digest};".encode())
    return hasher.hexdigest()
