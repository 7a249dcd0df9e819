"""Grouping by key: keyed_gather, keyed_gather_ungrouped, cogroup."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

from dtset.operators.call import Call
from dtset.operators.kernels.batching import Batches, batched
from dtset.operators.kernels.grouping import Group, Window, groups, of_large, windows
from dtset.operators.kernels.ranking import COMPARATOR, ranking_of
from dtset.operators.kernels.spill import Kept
from dtset.operators.kernels.values import Values
from dtset.operators.operator import Mover
from dtset.operators.partitioning import CHOOSING, PARTITION_FUNCTION, send_by_key
from dtset.plan.user_function import Accepted, Form
from dtset.storage.batch import Rows

Element: TypeAlias = Callable[[Any, Sequence[Values[Any]]], Any]
COMPARING = Accepted("f(a, b) -> int", {2: (Form.PAIR, False)}, (Form.PAIR, False))
KEYED = {PARTITION_FUNCTION: CHOOSING, COMPARATOR: COMPARING}


def _receive(element: Element, streams: Sequence[Batches], call: Call) -> Batches:
    """Give an element for each key."""
    small: list[Any] = []
    held = 0
    for group in groups(streams, call, ranking_of(call)):
        if not group.is_large:
            small.append(element(group.key, [Values(values) for values in group.values]))
            held += 1 + sum(map(len, group.values))
            if held < call.limit:
                continue
        if small:
            yield Rows(small)
            small, held = [], 0
        if group.is_large:
            yield from _large(element, group, call)
    if small:
        yield Rows(small)


def _large(element: Element, group: Group, call: Call) -> Batches:
    """Give the element of a large group: what somebody may still read when the next is asked for is kept."""
    values = [Values(each) for each in group.values]
    seen = [weakref.ref(each) for each in values]
    batch: Rows | None = Rows([element(group.key, values)])
    del values
    yield batch  # type: ignore[misc]
    batch = None
    for ref in seen:
        if (held := ref()) is not None:
            held.keep(partial(kept, call))


def kept(call: Call, rest: Iterator[Any]) -> Kept:
    """Hold values, so that they can be read again."""
    return Kept(batched(rest, call.limit), call.memory // 4, call.scratch)


def _gathered(key: Any, values: Sequence[Values[Any]]) -> tuple[Any, Values[Any]]:
    return key, values[0]


def _cogrouped(key: Any, values: Sequence[Values[Any]]) -> tuple[Any, tuple[Values[Any], ...]]:
    return key, tuple(values)


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
