"""Movers that bring equal elements, or equal keys, together: distinct, count_by_value, aggregate_by_key."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from itertools import chain
from typing import Any

from dtset.exchange.stable_hash import NEVER_NAN, check_hashable, nan_token
from dtset.operators.aggregates import VALUE, ZERO
from dtset.operators.call import FUNCTION, Call
from dtset.operators.kernels.batching import Batches, batched
from dtset.operators.kernels.pairs import pairs_of
from dtset.operators.operator import Mover
from dtset.operators.reductions import PAIR, reduced_by_key, sent_by_key
from dtset.storage.batch import Batch

MERGE = "merge"


def _send_counted(batches: Batches, call: Call) -> Iterator[tuple[int, Batch]]:
    """Count the elements of a partition; give each with its number to the partition that it goes to."""
    counted: Counter[Any] = Counter()
    for batch in batches:
        rows = batch.rows()
        with call.place.noting():
            try:
                counted.update(call.place.enter(rows))
            except TypeError:
                call.place.elements = iter(rows)
                for element in call.place.elements:
                    check_hashable(element)
                raise
    yield from sent_by_key(counted.items(), call)


def _receive_counted(streams: Sequence[Batches], call: Call) -> Batches:
    """Give each element with its number, in the order in which they were sent."""
    counted = reduced_by_key(chain.from_iterable(streams), operator.add, call.place)
    yield from batched(iter(counted.items()), call.limit)


def _receive_distinct(streams: Sequence[Batches], call: Call) -> Batches:
    """Give each element once."""
    counted = reduced_by_key(chain.from_iterable(streams), operator.add, call.place)
    yield from batched(iter(counted), call.limit)


def _send_aggregated(batches: Batches, call: Call) -> Iterator[tuple[int, Batch]]:
    """Aggregate the values of each key of a partition, from a fresh zero on."""
    function, zero = call.function(), call.function(ZERO)
    found: dict[Any, Any] = {}
    with_nan: dict[Hashable, Any] = {}
    for batch in batches:
        with call.place.noting():
            for key, value in pairs_of(batch, call.place):
                if type(key) not in NEVER_NAN and (token := nan_token(key)) is not None:
                    key = with_nan.setdefault(token, key)
                found[key] = function(found[key] if key in found else zero(), value)
    yield from sent_by_key(found.items(), call)


def _receive_aggregated(streams: Sequence[Batches], call: Call) -> Batches:
    """Merge what the partitions have of each key."""
    merged = reduced_by_key(chain.from_iterable(streams), call.function(MERGE), call.place)
    yield from batched(iter(merged.items()), call.limit)


DISTINCT = Mover("distinct", _send_counted, _receive_distinct)
COUNT_BY_VALUE = Mover("count_by_value", _send_counted, _receive_counted)
AGGREGATE_BY_KEY = Mover(
    "aggregate_by_key",
    _send_aggregated,
    _receive_aggregated,
    {ZERO: VALUE, FUNCTION: PAIR, MERGE: PAIR},
)
