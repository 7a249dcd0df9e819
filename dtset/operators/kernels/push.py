"""Push-style functions as pulls: ``f(itr, collector, ctx)`` in a thread, in lock-step with its consumer.

The function gives its turn away when it asks its input for another batch, or when it has collected much
without asking. So a partition larger than memory passes through any number of such functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from dtset.operators.kernels.collector import Collector
from dtset.operators.kernels.driver import Handler
from dtset.operators.kernels.failure import Place
from dtset.operators.kernels.lockstep import ENDED, Lockstep, Stopped
from dtset.plan.context import TSetContext
from dtset.storage.batch import Rows


class _Push:
    """The function's side: runs in its thread, and gives its turn away."""

    def __init__(
        self, function: Callable[..., Any], ctx: TSetContext, place: Place, limit: int
    ) -> None:
        self.function = function
        self.ctx = ctx
        self.place = place
        self.limit = limit
        self.emitted: list[Any] = []
        self.batch: list[Any] = []
        self.collector = Collector(self.collect_bounded)
        self.lockstep = Lockstep(
            f"dtset {place.operator} {place.label}", self.run, interrupt=self.interrupt
        )

    def run(self) -> None:
        """Run the function to its end."""
        with self.place.noting():
            self.function(chain.from_iterable(self.supply()), self.collector, self.ctx)

    def collect_bounded(self, element: Any) -> None:
        """Collect while no input bounds what is collected: before the first batch, after the last."""
        self.emitted.append(element)
        if len(self.emitted) >= self.limit:
            self.give(asks=False)

    def give(self, *, asks: bool) -> list[Any] | None:
        """Give the turn away with what was collected; return the reply once it is ours again."""
        reply: list[Any] | None = self.lockstep.give((self.taken(), asks))
        return reply

    def taken(self) -> list[Any]:
        """What was collected; the list stays the same object, as a function may have bound its `append`."""
        emitted = self.emitted[:]
        self.emitted.clear()
        return emitted

    def supply(self) -> Iterator[Iterator[Any]]:
        """Batches of the input, each asked for when the function has used up the one before."""
        while (batch := self.give(asks=True)) is not None:
            self.batch = batch
            self.collector.collect = self.emitted.append
            yield self.place.enter(batch)
        self.collector.collect = self.collect_bounded

    def interrupt(self) -> None:
        """Let the function come back at its next element: it has no more of what it was given."""
        self.collector.collect = _stopped
        self.batch.clear()


def _stopped(element: Any) -> None:
    """Stand where elements are collected when none are wanted any more."""
    raise Stopped


def pushed(function: Callable[..., Any], ctx: TSetContext, place: Place, limit: int) -> Handler:
    """Give what ``f(itr, collector, ctx)`` collects, batch by batch."""
    push = _Push(function, ctx, place, limit)
    lockstep = push.lockstep
    # Input batches are cut smaller while the function emits many elements for each.
    share, rest = limit, list[Any]()
    given: list[Any] | None = []
    with lockstep:
        while (turn := lockstep.turn(given)) is not ENDED:
            emitted, asks = turn
            if emitted:
                yield Rows(emitted)
            if not asks:
                continue
            if len(emitted) > 2 * limit:
                share = max(1, share * limit // len(emitted))
            elif len(emitted) < limit:
                share = min(limit, 2 * share)
            if not rest:
                batch = yield None
                if batch is None:
                    given = None
                    continue
                rest = batch.rows()
            given, rest = rest[:share], rest[share:]
        if emitted := push.taken():
            yield Rows(emitted)
