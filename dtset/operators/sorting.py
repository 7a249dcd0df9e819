"""Sorting by key, over all partitions: by boundaries that are taken from a sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, repeat
from typing import Any

import numpy as np

from dtset.operators.call import Call
from dtset.operators.gathering import COMPARING
from dtset.operators.kernels.batching import Batches
from dtset.operators.kernels.failure import Closing
from dtset.operators.kernels.pairs import keys_of
from dtset.operators.kernels.ranking import COMPARATOR, ByKey, ranking_of
from dtset.operators.kernels.sorting import OBJECTS, in_order
from dtset.operators.operator import Mover, Pull, Step
from dtset.operators.partitioning import dealt_out
from dtset.storage.batch import Batch, Rows, rows_of
from dtset.storage.columns import Columns, to_columns
from dtset.storage.kinds import Array, Unfit

BOUNDARIES = "boundaries"
"""The side input of a sort: the last keys of all partitions but the last."""

# Of each partition: enough for some hundred partitions of nearly one size.
_MOST_SAMPLED = 4096


def _sample(call: Call) -> Pull:
    return partial(_sampled, call)


def _sampled(call: Call, batches: Batches) -> Batches:
    """Give keys of a partition, at places that are as far apart as can be for that they are some thousand."""
    keys: list[Any] = []
    stride, seen = 1, 0
    with Closing(batches.close):
        for batch in batches:
            _, found = keys_of(batch, call.place)
            picked = np.arange(-seen % stride, len(batch), stride)
            keys += (
                found.take(picked).rows()
                if isinstance(found, Columns)
                else [found[place] for place in picked.tolist()]
            )
            seen += len(batch)
            while len(keys) > _MOST_SAMPLED:
                keys, stride = keys[::2], 2 * stride
        yield Rows([(stride, keys)])


def _send_on(batches: Batches, call: Call) -> Iterator[tuple[int, Batch]]:
    """Give all to the one partition."""
    return zip(repeat(0), batches)


def _receive_samples(streams: Sequence[Batches], call: Call) -> Batches:
    """Give keys that cut what was sampled into parts of about one size."""
    keys: list[Any] = []
    weights: list[int] = []
    for stride, sampled in rows_of(streams[0]):
        keys += sampled
        weights += repeat(stride, len(sampled))
    number: Any = call.spec.params["partitions"]
    if keys:
        with call.place.noting():
            _, ranks = _ranks(_ordered(call), keys)
            order = np.argsort(ranks, kind="stable")
        ends = np.cumsum(np.array(weights)[order])
        wanted = np.arange(1, number) * ends[-1] // number
        yield Rows([keys[order[place]] for place in np.searchsorted(ends, wanted).tolist()])


def _send_by_range(batches: Batches, call: Call) -> Iterator[tuple[int, Batch]]:
    """Give each pair to the partition between whose boundaries its key lies."""
    ranking = _ordered(call)
    boundaries: list[Any] = []
    if call.targets > 1:
        boundaries = list(call.ctx.get_input(BOUNDARIES))
    kind, limits = _ranks(ranking, boundaries)
    for batch in batches:
        pairs, keys = keys_of(batch, call.place)
        with call.place.noting():
            own, ranks = ranking.ranks(keys)
            if own != kind:
                ranks = ranking.objects(keys.rows() if isinstance(keys, Columns) else keys)
            against = limits if own == kind else ranking.objects(boundaries)
            targets = np.searchsorted(against, ranks)
        yield from dealt_out(pairs, targets)


def _ranks(ranking: ByKey, keys: list[Any]) -> tuple[str, Array]:
    """Return the ranks of some keys."""
    try:
        return ranking.ranks(to_columns(keys))
    except Unfit:
        return OBJECTS, ranking.objects(keys)


def _ordered(call: Call) -> ByKey:
    """Return the order of the keys."""
    ranking = ranking_of(call, by_key=True)
    assert isinstance(ranking, ByKey)
    return ranking


def _receive_sorted(streams: Sequence[Batches], call: Call) -> Batches:
    """Sort what was sent, equal keys in the order in which they came."""
    pairs = chain.from_iterable(streams)
    for piece in in_order(pairs, _ordered(call).ranked, call.memory, call.scratch):
        yield piece.batch


SAMPLE_KEYS = Step("sample_keys", _sample)
FIND_BOUNDARIES = Mover("boundaries", _send_on, _receive_samples, {COMPARATOR: COMPARING})
SORT_BY_KEY = Mover("sort_by_key", _send_by_range, _receive_sorted, {COMPARATOR: COMPARING})
SORT_ELEMENTS = replace(SORT_BY_KEY, name="order of sort_by")
