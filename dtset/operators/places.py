"""Operators that depend on where elements are: sample, and zip_with_index with the places that partitions begin at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from dtset.exchange.deal import DealChangedError
from dtset.operators.call import Call
from dtset.operators.kernels.batching import Batches
from dtset.operators.kernels.driver import Handler
from dtset.operators.operator import Mover, Step, Zipper
from dtset.operators.partitioning import received
from dtset.operators.reductions import aggregating
from dtset.storage.batch import Batch, Rows, rows_of, typed


def _sample(call: Call) -> list[Handler]:
    return [_sampled(call)]


def _sampled(call: Call) -> Handler:
    """Keep each element with the probability asked for."""
    fraction: Any = call.spec.params["fraction"]
    seed = call.spec.params["seed"]
    seeds = hashlib.sha256(f"{seed}/{call.ctx.index}".encode()).digest()
    random = np.random.default_rng(int.from_bytes(seeds, "little"))
    while (batch := (yield None)) is not None:
        # One number for each element, however it is cut into batches.
        yield typed(batch).take(random.random(len(batch)) < fraction)


def _length(batches: Iterable[Batch], call: Call) -> list[Any]:
    """Count a partition's elements."""
    return [sum(map(len, batches))]


def _send_starts(batches: Batches, call: Call) -> Iterator[tuple[int, Batch]]:
    """Give each partition the places of its first element and of what follows its last."""
    for target, bounds in enumerate(pairwise(accumulate(rows_of(batches), initial=0))):
        yield target, Rows(list(bounds))


def _with_index(streams: Sequence[Batches], call: Call) -> Batches:
    """Give each element with its place among all, given where the partition begins."""
    elements, bounds = streams
    place, end = rows_of(bounds)
    for batch in elements:
        yield Rows(list(zip(batch.rows(), range(place, place + len(batch)), strict=True)))
        place += len(batch)
    if place != end:
        raise DealChangedError(
            "a partition ran again, and gave more or fewer elements than were counted"
        )


SAMPLE = Step("sample", _sample)
LENGTH = aggregating("length", _length)
STARTS = Mover("starts", _send_starts, received)
ZIP_WITH_INDEX = Zipper("zip_with_index", _with_index)
