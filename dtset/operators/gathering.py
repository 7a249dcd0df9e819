"""Grouping by key: keyed_gather, keyed_gather_ungrouped, cogroup."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

from dtset.operators.call import Call
from dtset.operators.kernels.batching import Batches, batched
from dtset.operators.kernels.grouping import Group, LargeWindow, Window, grouped, of_large, windows
from dtset.operators.kernels.ranking import COMPARATOR, ranking_of
from dtset.operators.kernels.spill import Kept
from dtset.operators.kernels.values import Values
from dtset.operators.operator import Mover
from dtset.operators.partitioning import CHOOSING, PARTITION_FUNCTION, send_by_key
from dtset.plan.user_function import Accepted, Form
from dtset.storage.batch import Rows

Elements: TypeAlias = Callable[[list[Any], Sequence[Iterable[Values[Any]]]], Iterable[Any]]
COMPARING = Accepted("f(a, b) -> int", {2: (Form.PAIR, False)}, (Form.PAIR, False))
KEYED = {PARTITION_FUNCTION: CHOOSING, COMPARATOR: COMPARING}


def _receive(elements: Elements, streams: Sequence[Batches], call: Call) -> Batches:
    """Give an element for each key."""
    ranking = ranking_of(call)
    for window in windows(streams, call, ranking):
        if isinstance(window, LargeWindow):
            for group in of_large(window, ranking):
                yield from _large(elements, group, call)
        else:
            keys, sides = grouped(window)
            yield Rows(list(elements(keys, [map(Values, lists) for lists in sides])))


def _large(elements: Elements, group: Group, call: Call) -> Batches:
    """Give the element of a large group: what somebody may still read when the next is asked for is kept."""
    values = [kept(call, iter(each)) for each in group.values]
    seen = [weakref.ref(each) for each in values]
    yield Rows(list(elements([group.key], [[Values(each)] for each in values])))
    del values
    for ref in seen:
        if (held := ref()) is not None:
            held.complete()


def kept(call: Call, coming: Iterator[Any]) -> Kept:
    """Hold values as they come, so that they can be read again."""
    return Kept(batched(coming, call.limit), call.memory // 4, call.scratch)


def _gathered(keys: list[Any], values: Sequence[Iterable[Values[Any]]]) -> Iterable[Any]:
    return zip(keys, values[0], strict=True)


def _cogrouped(keys: list[Any], values: Sequence[Iterable[Values[Any]]]) -> Iterable[Any]:
    return zip(keys, zip(*values, strict=True), strict=True)


def _receive_ungrouped(streams: Sequence[Batches], call: Call) -> Batches:
    """Give the pairs, those of one key together."""
    ranking = ranking_of(call)
    for window in windows(streams, call, ranking):
        if isinstance(window, Window):
            yield window.batches[0]
        else:
            for group in of_large(window, ranking, as_pairs=True):
                yield from batched(iter(group.values[0]), call.limit)


KEYED_GATHER = Mover("keyed_gather", send_by_key, partial(_receive, _gathered), KEYED)
KEYED_GATHER_UNGROUPED = Mover("keyed_gather_ungrouped", send_by_key, _receive_ungrouped, KEYED)
COGROUP = Mover("cogroup", send_by_key, partial(_receive, _cogrouped), KEYED)
