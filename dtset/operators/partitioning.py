"""Moving elements to the partitions that a function of the user's names, or that their keys go to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from itertools import chain
from operator import index
from typing import Any, TypeAlias

import numpy as np

from dtset.errors import UsageError
from dtset.operators.call import FUNCTION, Call
from dtset.operators.kernels.batching import Batches
from dtset.operators.kernels.pairs import keys_of, stable_hashes
from dtset.operators.operator import Mover
from dtset.operators.partitioners import PARTITIONERS
from dtset.plan.user_function import Accepted, Form
from dtset.storage.batch import Batch
from dtset.storage.columns import Columns
from dtset.storage.kinds import Array

PARTITION_FUNCTION = "partition function"
"""The role of a keyed operation's partition function, which gets the keys."""
PARTITIONER = "partitioner"
"""The parameter that names one of our own."""
HASHING = "hashing"
Choose: TypeAlias = "Callable[[Columns | list[Any]], Sequence[int] | Array]"


def dealt_out(batch: Batch, targets: Sequence[int] | Array) -> Iterator[tuple[int, Batch]]:
    """Give the elements of a batch by target, those of one target in their order."""
    if not len(batch):
        return
    numbers = np.asarray(targets).astype(np.int64)
    order = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
    for start, taken in zip(starts, np.split(order, starts[1:]), strict=True):
        yield int(numbers[order[start]]), batch.take(taken)


def chooser(call: Call, role: str) -> Choose:
    """Return what gives the partition for each of some elements or keys, as the user's function or a partitioner says."""
    place, targets = call.place, call.targets
    name = call.spec.params.get(PARTITIONER, HASHING)
    if role not in call.functions and name == HASHING:
        return lambda keys: stable_hashes(keys, place) % np.uint64(targets)
    if role not in call.functions or call.form(role) is Form.PARTITIONER:
        with place.noting():
            made = (
                deepcopy(call.function(role))
                if role in call.functions
                else PARTITIONERS[str(name)]()
            )
            made.prepare(set(range(call.sources)), set(range(targets)))

        def choose(element: object) -> int:
            target = _checked(made.partition(place.partition, element), element, targets)
            made.commit(place.partition, target)
            return target

    else:
        function = call.function(role)

        def choose(element: object) -> int:
            return _checked(function(element), element, targets)

    def chosen(keys: Columns | list[Any]) -> list[int]:
        found: list[int] = []
        # The batch may have been gone through once: begun again, it tells which element it is.
        place.elements = iter(keys.rows() if isinstance(keys, Columns) else keys)
        with place.noting():
            for element in place.elements:
                found.append(choose(element))
        return found

    return chosen


def _send(batches: Batches, call: Call) -> Iterator[tuple[int, Batch]]:
    """Give each element to the partition that the function names."""
    choose = chooser(call, FUNCTION)
    for batch in batches:
        call.place.skip(len(batch))
        columns = batch.columns()
        yield from dealt_out(batch, choose(batch.rows() if columns is None else columns))


def send_by_key(batches: Batches, call: Call) -> Iterator[tuple[int, Batch]]:
    """Give each pair to the partition that its key goes to."""
    choose = chooser(call, PARTITION_FUNCTION)
    for batch in batches:
        pairs, keys = keys_of(batch, call.place)
        yield from dealt_out(pairs, choose(keys))


def _send_evenly(batches: Batches, call: Call) -> Iterator[tuple[int, Batch]]:
    """Give each element to the partition that its place among all falls into."""
    lengths: list[int] = list(call.ctx.get_input(LENGTHS))
    number, total = call.place.partition, sum(lengths)
    start, last, done = sum(lengths[:number]), max(lengths[number] - 1, 0), 0
    for batch in batches:
        # A source that gives more than when it was counted must not get ahead of the next.
        places = start + np.minimum(np.arange(done, done + len(batch)), last)
        targets = ((places + 1) * call.targets - 1) // max(total, 1)
        yield from dealt_out(batch, np.minimum(targets, call.targets - 1))
        done += len(batch)


def _checked(target: Any, element: object, targets: int) -> int:
    """Return the number of a partition that there is."""
    try:
        number = index(target)
    except TypeError:
        raise TypeError(
            f"the partition function gave {target!r:.80} for {element!r:.80}: a partition is an int from 0 to {targets - 1}"
        ) from None
    if not 0 <= number < targets:
        raise UsageError(
            f"the partition function gave {number} for {element!r:.80}: the partitions are 0 to {targets - 1}. "
            f"Return a number % {targets}, or give partition() a parallelism"
        )
    return number


def received(streams: Sequence[Batches], call: Call) -> Batches:
    """Give what was sent, in the order of the partitions it came from."""
    yield from chain.from_iterable(streams)


LENGTHS = "lengths"
"""The side input of a repartition: how many elements each partition has."""

CHOOSING = Accepted(
    "f(x) -> int, or an object with prepare(sources, destinations), partition(source_index, x) -> int and "
    "commit(source_index, partition)",
    {1: (Form.ELEMENT, False)},
    (Form.ELEMENT, False),
    takes_objects=Form.PARTITIONER,
)
PARTITION = Mover("partition", _send, received, {FUNCTION: CHOOSING})
KEYED_PARTITION = Mover("keyed_partition", send_by_key, received, {PARTITION_FUNCTION: CHOOSING})
REPARTITION = Mover("repartition", _send_evenly, received)
