"""Moving elements to the partitions that a function of the user's names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from operator import index
from typing import Any

import numpy as np

from dtset.errors import UsageError
from dtset.operators.call import FUNCTION, Call
from dtset.operators.kernels.batching import Batches
from dtset.operators.operator import Mover
from dtset.plan.user_function import Accepted, Form
from dtset.storage.batch import Batch


def dealt_out(batch: Batch, targets: Sequence[int]) -> Iterator[tuple[int, Batch]]:
    """Give the elements of a batch by target, those of one target in their order."""
    if not len(batch):
        return
    numbers = np.fromiter(targets, np.int64, len(batch))
    order = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
    for start, taken in zip(starts, np.split(order, starts[1:]), strict=True):
        yield int(numbers[order[start]]), batch.take(taken)


def _send(batches: Batches, call: Call) -> Iterator[tuple[int, Batch]]:
    """Give each element to the partition that the function names."""
    function, place = call.function(), call.place
    for batch in batches:
        elements = place.enter(batch.rows())
        targets: list[int] = []
        with place.noting():
            for element in elements:
                targets.append(_checked(function(element), element, call.targets))
        yield from dealt_out(batch, targets)


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


def _receive(streams: Sequence[Batches], call: Call) -> Batches:
    """Give what was sent, in the order of the partitions it came from."""
    yield from chain.from_iterable(streams)


PARTITION = Mover(
    "partition",
    _send,
    _receive,
    {FUNCTION: Accepted("f(x) -> int", {1: (Form.ELEMENT, False)}, (Form.ELEMENT, False))},
)
