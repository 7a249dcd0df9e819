"""Joins of two keyed TSets by hash: pairs meet in the partition that their key goes to."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from dtset.exchange.stable_hash import NEVER_NAN, nan_token, target_of
from dtset.operators.call import Call
from dtset.operators.kernels.batching import Batches, batched
from dtset.operators.kernels.pairs import pairs_of
from dtset.operators.operator import Mover
from dtset.operators.partitioning import dealt_out
from dtset.storage.batch import Batch

K = TypeVar("K")
V = TypeVar("V")
W = TypeVar("W")


class JoinedTuple(NamedTuple, Generic[K, V, W]):
    """A key with a value of each side: an element of a join, Twister2's ``JoinedTuple``.

    Examples
    --------
    >>> JoinedTuple("a", 1, 2.5).left
    1
    """

    key: K
    left: V
    right: W


def _send(batches: Batches, call: Call) -> Iterator[tuple[int, Batch]]:
    """Give each pair to the partition that its key goes to."""
    for batch in batches:
        with call.place.noting():
            targets = [target_of(key, call.targets) for key, _ in pairs_of(batch, call.place)]
        yield from dealt_out(batch, targets)


def _identity(key: Hashable) -> Hashable:
    """What is equal for equal keys, and for keys that are equal but for NaNs in them."""
    if type(key) in NEVER_NAN or (token := nan_token(key)) is None:
        return key
    return _Missing(token)


@dataclass(frozen=True, slots=True)
class _Missing:
    """Stands for all keys with NaNs in the same places."""

    token: Hashable


def _receive(streams: Sequence[Batches], call: Call) -> Batches:
    """Give the pairs of the left that meet some of the right, in the order of the left."""
    left, right = streams
    values: dict[Hashable, list[Any]] = {}
    for batch in right:
        with call.place.noting():
            for key, value in pairs_of(batch, call.place):
                values.setdefault(_identity(key), []).append(value)
    yield from batched(_met(left, values, call), call.limit)


def _met(
    left: Batches, values: dict[Hashable, list[Any]], call: Call
) -> Iterator[JoinedTuple[Any, Any, Any]]:
    """Join the pairs of the left with the values of the right."""
    for batch in left:
        for key, value in pairs_of(batch, call.place):
            for other in values.get(_identity(key), ()):
                yield JoinedTuple(key, value, other)


JOIN = Mover("join", _send, _receive)
