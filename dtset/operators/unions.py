"""Partitions of several TSets put together: those of the same number, or all of them one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from dtset.operators.call import Call
from dtset.operators.kernels.batching import Batches
from dtset.operators.operator import Zipper


def _one_after_the_other(streams: Sequence[Batches], call: Call) -> Batches:
    """Give the batches of the first input, then those of the next."""
    for stream in streams:
        yield from stream


UNION = Zipper("union", _one_after_the_other)
# Each partition is one of one input: the node says which.
CONCAT = Zipper("concat", _one_after_the_other)
