"""The reductions: to one value, and to one value a key."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import reduce
from itertools import chain
from typing import Any

from dtset.exchange.deal import parent_of
from dtset.exchange.stable_hash import NEVER_NAN, nan_token
from dtset.operators.call import FUNCTION, Call
from dtset.operators.kernels.batching import Batches, batched
from dtset.operators.kernels.failure import Place
from dtset.operators.kernels.pairs import pairs_of
from dtset.operators.operator import Mover
from dtset.operators.partitioning import send_by_key
from dtset.plan.nodes import Content
from dtset.plan.user_function import Accepted, Form
from dtset.storage.batch import Batch, Rows

PAIR = Accepted("f(a, b)", {2: (Form.PAIR, False)}, (Form.PAIR, False))


def _reduced(batches: Batches, call: Call) -> list[Any]:
    """Reduce a stream: a list of its one value, or an empty list."""
    function, place = call.function(), call.place
    value: list[Any] = []
    for batch in batches:
        elements = place.enter(batch.rows())
        with place.noting():
            for first in () if value else elements:
                value.append(first)
                break
            if value:
                value[0] = reduce(function, elements, value[0])
    return value


def _send_partial(batches: Batches, call: Call) -> Iterator[tuple[int, Batch]]:
    """Give the value of a partition, to the target that gathers it and its neighbours."""
    if value := _reduced(batches, call):
        yield parent_of(call.place.partition, call.sources, call.targets), Rows(value)


def _receive_partials(streams: Sequence[Batches], call: Call) -> Batches:
    """Give the one value that the partials of some partitions are reduced to, in the order of these."""
    if value := _reduced(streams[0], call):
        yield Rows(value)


def reduced_by_key(batches: Iterable[Batch], function: Callable[..., Any], place: Place) -> Any:
    """Reduce pairs by key; of equal keys, the first stands for all."""
    values: dict[Any, Any] = {}
    with_nan: dict[Hashable, Any] = {}
    for batch in batches:
        pairs = pairs_of(batch, place)
        with place.noting():
            for key, value in pairs:
                if key in values:
                    values[key] = function(values[key], value)
                elif type(key) in NEVER_NAN or (token := nan_token(key)) is None:
                    values[key] = value
                else:
                    first = with_nan.setdefault(token, key)
                    values[first] = function(values[first], value) if first in values else value
    return values


def _send_by_key(batches: Batches, call: Call) -> Iterator[tuple[int, Batch]]:
    """Reduce a partition by key; give each pair to the partition that its key goes to."""
    yield from sent_by_key(reduced_by_key(batches, call.function(), call.place).items(), call)


def sent_by_key(pairs: Iterable[tuple[Any, Any]], call: Call) -> Iterator[tuple[int, Batch]]:
    """Give pairs to the partitions that their keys go to."""
    yield from send_by_key(batched(iter(pairs), call.limit), call)


def _receive_by_key(streams: Sequence[Batches], call: Call) -> Batches:
    """Reduce by key what was sent, in the order of the partitions."""
    values = reduced_by_key(chain.from_iterable(streams), call.function(), call.place)
    yield from batched(iter(values.items()), call.limit)


REDUCE = Mover(
    "reduce",
    _send_partial,
    _receive_partials,
    {FUNCTION: PAIR},
    is_merging=True,
    of_nothing="reduce() of a TSet without elements, which has no value",
    content=Content.VALUE,
)
KEYED_REDUCE = Mover("keyed_reduce", _send_by_key, _receive_by_key, {FUNCTION: PAIR})
