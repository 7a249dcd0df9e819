"""The reductions: to one value, and to one value a key."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial, reduce
from itertools import chain
from typing import Any, TypeAlias

from dtset.exchange.deal import parent_of
from dtset.exchange.stable_hash import NEVER_NAN, check_hashable, nan_token
from dtset.operators.call import FUNCTION, Call
from dtset.operators.kernels.batching import Batches, batched
from dtset.operators.kernels.failure import Closing, Place
from dtset.operators.kernels.pairs import pairs_of
from dtset.operators.operator import Mover, Pull, Step
from dtset.operators.partitioning import send_by_key
from dtset.plan.nodes import Content
from dtset.plan.user_function import Accepted, Form
from dtset.storage.batch import Batch, Rows

Aggregate: TypeAlias = Callable[[Iterable[Batch], Call], list[Any]]
"""What a stream of elements, or of what parts of it made, makes: a list of nothing, or of one value."""

PAIR = Accepted("f(a, b)", {2: (Form.PAIR, False)}, (Form.PAIR, False))


def _reduced(batches: Iterable[Batch], call: Call) -> list[Any]:
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


def tree(
    name: str,
    aggregate: Aggregate,
    takes: Mapping[str, Accepted] | None = None,
    of_nothing: str | None = None,
    content: Content = Content.ELEMENTS,
) -> Mover:
    """Return the mover that aggregates the elements of each partition, and then, in a tree, what was made of them."""
    return Mover(
        name,
        partial(_send, aggregate),
        partial(_receive, aggregate),
        takes or {},
        is_merging=True,
        of_nothing=of_nothing,
        content=content,
    )


def aggregating(
    name: str, aggregate: Aggregate, takes: Mapping[str, Accepted] | None = None
) -> Step:
    """Return the step that gives what the elements of a partition make by themselves."""
    return Step(name, partial(_pulling, aggregate), takes or {})


def _send(aggregate: Aggregate, batches: Batches, call: Call) -> Iterator[tuple[int, Batch]]:
    """Give what a partition makes to the target that gathers it and its neighbours."""
    if made := aggregate(batches, call):
        yield parent_of(call.place.partition, call.sources, call.targets), Rows(made)


def _receive(aggregate: Aggregate, streams: Sequence[Batches], call: Call) -> Batches:
    """Give what the partials of some partitions make, in the order of these."""
    if made := aggregate(streams[0], call):
        yield Rows(made)


def _pulling(aggregate: Aggregate, call: Call) -> Pull:
    return partial(_aggregated, aggregate, call)


def _aggregated(aggregate: Aggregate, call: Call, batches: Batches) -> Batches:
    with Closing(batches.close):
        yield Rows(aggregate(batches, call))


def reduced_by_key(batches: Iterable[Batch], function: Callable[..., Any], place: Place) -> Any:
    """Reduce pairs by key; of equal keys, the first stands for all."""
    values: dict[Any, Any] = {}
    with_nan: dict[Hashable, Any] = {}
    for batch in batches:
        pairs = pairs_of(batch, place)
        with place.noting():
            for key, value in pairs:
                try:
                    is_known = key in values
                except TypeError:
                    check_hashable(key)
                    raise
                if is_known:
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


REDUCE = tree(
    "reduce",
    _reduced,
    {FUNCTION: PAIR},
    "reduce() of a TSet without elements, which has no value",
    Content.VALUE,
)
KEYED_REDUCE = Mover("keyed_reduce", _send_by_key, _receive_by_key, {FUNCTION: PAIR})
