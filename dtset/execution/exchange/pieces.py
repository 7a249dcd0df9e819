"""What an exchange sends, and the proof that it is one consistent deal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["DealChangedError", "Piece", "common_deal", "deal_of"]


class DealChangedError(Exception):
    """Inputs of one task came from different runs of the same map side; the driver starts it again."""


@dataclass(frozen=True)
class Piece:
    """What some map-side partitions send to some targets.

    Parameters
    ----------
    digests : mapping of int to str
        For each map-side partition, the digest of all that it sends, to whatever target.
    blocks : mapping of int to sequence of (int, bytes)
        For each target, the map-side partitions and what they send to it.
    deal : str or None
        The deal that the map side itself was computed from.
    """

    digests: Mapping[int, str]
    blocks: Mapping[int, Sequence[tuple[int, bytes]]]
    deal: str | None


def digest_of(blocks: Mapping[int, bytes]) -> str:
    """Digest of all that one map-side partition sends."""
    hasher = hashlib.sha256()
    for target, block in sorted(blocks.items()):
        hasher.update(f"{target}:{len(block)};".encode())
        hasher.update(block)
    return hasher.hexdigest()


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
    upstream = common_deal(piece.deal for piece in pieces)
    hasher = hashlib.sha256(f"deal of {upstream};".encode())
    for partition, digest in sorted(
        (partition, digest) for piece in pieces for partition, digest in piece.digests.items()
    ):
        hasher.update(f"{partition}:{digest};".encode())
    return hasher.hexdigest()
