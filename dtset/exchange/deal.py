"""What an exchange sends, and the proof that it is one consistent deal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class DealChangedError(Exception):
    """Inputs of one task came from different runs of the same map side; the driver starts it again."""


@dataclass(frozen=True)
class Sent:
    """What one map-side partition sends.

    Encoded elements, or where they lie in the store, are by target, in their order; the `digest` is of all of it, taken
    once: pieces carry it. What was `skipped` on the way is told to one target.
    """

    side: int
    blocks: Mapping[int, Sequence[Any]] = field(repr=False)
    digest: str
    skipped: Mapping[int, Mapping[str, int]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Piece:
    """What some map-side partitions of one input send to some targets.

    `digests` are, for each map-side partition, of all that it sends, to whatever target; the `deal` is that which the
    map side itself was computed from.
    """

    side: int
    digests: Mapping[int, str]
    blocks: Mapping[int, Sequence[tuple[int, Sequence[Any]]]] = field(repr=False)
    deal: str | None
    skipped: Mapping[int, Mapping[str, int]] = field(default_factory=dict, repr=False)


def parent_of(partition: int, sources: int, targets: int) -> int:
    """Return the node of a tree that gathers what a partition sends: neighbours go to one."""
    return partition * targets // sources


def common_deal(deals: Iterable[str | None]) -> str | None:
    """Return the deal that all inputs came from."""
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
