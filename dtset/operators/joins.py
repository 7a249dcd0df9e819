"""Joins of two keyed TSets: pairs meet in the partition that their key goes to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from dtset.operators.call import Call
from dtset.operators.gathering import KEYED, kept
from dtset.operators.kernels.batching import Batches, batched
from dtset.operators.kernels.grouping import (
    Group,
    LargeWindow,
    Window,
    of_large,
    rows_in,
    values_in,
    windows,
)
from dtset.operators.kernels.ranking import ranking_of
from dtset.operators.operator import Mover
from dtset.operators.partitioning import send_by_key
from dtset.storage.batch import Rows
from dtset.storage.kinds import Array

K = TypeVar("K")
V = TypeVar("V")
W = TypeVar("W")

# Which sides' pairs are there although the other side has none of their key.
KEPT_SIDES = {
    "inner": (False, False),
    "left": (True, False),
    "right": (False, True),
    "outer": (True, True),
}
ALGORITHMS = ("auto", "hash", "sort")


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


# Without the arguments being taken apart and put together again.
_made = partial(tuple.__new__, JoinedTuple)


def _receive(streams: Sequence[Batches], call: Call) -> Batches:
    """Join group by group; in a group, in the order of the left, and then of the right."""
    sides = KEPT_SIDES[str(call.spec.params.get("how", "inner"))]
    ranking = ranking_of(call, by_key=call.spec.params.get("algorithm") == "sort")
    for window in windows(streams, call, ranking):
        if isinstance(window, LargeWindow):
            for group in of_large(window, ranking):
                yield from batched(_met(group, *sides, call), call.limit)
        else:
            yield from _joined(window, *sides, call.limit)


def _joined(window: Window, keeps_left: bool, keeps_right: bool, limit: int) -> Batches:
    """Join the groups of a window by the places of their pairs."""
    places, groups, firsts, counts = _matches(
        window.codes[0], window.codes[1], keeps_left, keeps_right
    )
    keys = rows_in(window.keys)
    # The value that is missing is the last.
    left, right = ([*rows_in(values_in(batch)), None] for batch in window.batches)
    ends = np.cumsum(counts)
    cuts = np.searchsorted(ends, np.arange(0, counts.sum() + limit, limit))
    for start, end in pairwise(np.unique([*cuts, len(counts)]).tolist()):
        each = counts[start:end]
        of_left = np.repeat(places[start:end], each)
        begun = np.repeat(firsts[start:end] - np.cumsum(each) + each, each)
        elements = zip(
            map(keys.__getitem__, np.repeat(groups[start:end], each).tolist()),
            map(left.__getitem__, of_left.tolist()),
            map(right.__getitem__, (begun + np.arange(len(begun))).tolist()),
            strict=True,
        )
        yield Rows(list(map(_made, elements)))


def _matches(
    left: Array, right: Array, keeps_left: bool, keeps_right: bool
) -> tuple[Array, Array, Array, Array]:
    """Return what meets: places on the left, their groups, the first place on the right, and how many from there on.

    A place is -1 where a side has none. All are in the order of the groups.
    """
    firsts = np.searchsorted(right, left, "left")
    counts = np.searchsorted(right, left, "right") - firsts
    places, groups = np.arange(len(left)), left
    if keeps_left:
        firsts, counts = np.where(counts, firsts, -1), np.maximum(counts, 1)
    else:
        met = np.flatnonzero(counts)
        places, groups, firsts, counts = places[met], groups[met], firsts[met], counts[met]
    if keeps_right:
        lone = np.flatnonzero(~np.isin(right, left))
        none, ones = np.full(len(lone), -1), np.ones(len(lone), np.int64)
        groups = np.concatenate([groups, right[lone]])
        order = np.argsort(groups, kind="stable")
        places = np.concatenate([places, none])[order]
        firsts = np.concatenate([firsts, lone])[order]
        counts = np.concatenate([counts, ones])[order]
        groups = groups[order]
    return places, groups, firsts, counts


def _met(
    group: Group, keeps_left: bool, keeps_right: bool, call: Call
) -> Iterator[JoinedTuple[Any, Any, Any]]:
    """Join the values of a large group: those of the right are read again for each of the left."""
    left, right = iter(group.values[0]), kept(call, iter(group.values[1]))
    has_left, has_right = False, any(True for _ in right)
    for value in left:
        has_left = True
        if not has_right:
            if not keeps_left:
                return
            yield JoinedTuple(group.key, value, None)
        for other in right:
            yield JoinedTuple(group.key, value, other)
    if not has_left and keeps_right:
        for other in right:
            yield JoinedTuple(group.key, None, other)


JOIN = Mover("join", send_by_key, _receive, KEYED)
