"""Driving batches through handlers: a loop, so that a stage of thousands needs no deeper a stack than one of two.

A handler is a generator. ``batch = yield`` asks for its next input, and gets None at the end; ``yield batch``
gives one on. So it reads as if it called its neighbours, and calls none.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TypeAlias

from dtset.operators.kernels.batching import Batches
from dtset.operators.kernels.failure import Closing
from dtset.storage.batch import Batch

Handler: TypeAlias = Generator[Batch | None, Batch | None, None]


def driven(batches: Batches, handlers: Sequence[Handler]) -> Batches:
    """Send batches through handlers; at the end, or when it is closed, all are closed, the last one first."""
    last = len(handlers)
    at, given = last - 1, None
    with Closing(*(each.close for each in reversed(handlers)), batches.close):
        while True:
            try:
                said = next(batches) if at < 0 else handlers[at].send(given)
            except StopIteration:
                said, ended = None, True
            else:
                ended = False
            if said is None and not ended:
                at, given = at - 1, None
            elif said or ended:
                at, given = at + 1, said
                if at == last:
                    if said is None:
                        break
                    try:
                        yield said
                    except GeneratorExit:
                        break
                    at, given = at - 1, None
            else:
                # An empty batch is nothing to pass on.
                given = None
