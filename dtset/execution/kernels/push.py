"""Push-style functions as pulls: ``f(itr, collector, ctx)`` in a thread, in lock-step with its consumer.

The function runs in a thread of its own, and either it or its consumer runs, never both. It gives its
turn away when it asks its input for another batch, or when it has collected much without asking. So a
partition larger than memory passes through any number of such functions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextvars import copy_context
from itertools import chain
from queue import SimpleQueue
from threading import Thread
from typing import Any

from dtset.execution.kernels.batching import Batches
from dtset.execution.kernels.collector import Collector
from dtset.execution.kernels.failure import Place
from dtset.plan.context import TSetContext

__all__ = ["pushed"]


class _Stopped(BaseException):
    """Ends a function whose consumer wants no more; no ``except Exception`` holds it up."""


class _Turn:
    """One turn of the function: what it emitted, and why it gave the turn away."""

    __slots__ = ("asks", "emitted", "ended", "error")

    def __init__(self, emitted: list[Any], *, asks: bool = False, ended: bool = False) -> None:
        self.emitted = emitted
        self.asks = asks
        self.ended = ended
        self.error: BaseException | None = None


class _Push:
    """The function's side: runs in its thread, and gives its turn away."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.turns: SimpleQueue[_Turn] = SimpleQueue()
        self.replies: SimpleQueue[list[Any] | type[_Stopped] | None] = SimpleQueue()
        self.emitted: list[Any] = []
        self.collector = Collector(self.collect_bounded)

    def collect_bounded(self, element: Any) -> None:
        """Collect while no input bounds what is collected: before the first batch, after the last."""
        self.emitted.append(element)
        if len(self.emitted) >= self.limit:
            self.give(asks=False)

    def give(self, *, asks: bool) -> list[Any] | None:
        """Give the turn away with what was collected; return the reply once it is ours again."""
        # The list stays the same object: a function may have bound its `append`.
        turn = _Turn(self.emitted[:], asks=asks)
        self.emitted.clear()
        self.turns.put(turn)
        reply = self.replies.get()
        if reply is _Stopped:
            # Whoever goes on after this is told again.
            self.replies.put(_Stopped)
            raise _Stopped
        return reply  # type: ignore[return-value]

    def supply(self, place: Place) -> Iterator[Iterator[Any]]:
        """Batches of the input, each asked for when the function has used up the one before."""
        while (batch := self.give(asks=True)) is not None:
            self.collector.collect = self.emitted.append
            yield place.enter(batch)
        self.collector.collect = self.collect_bounded

    def run(
        self,
        function: Callable[..., Any],
        ctx: TSetContext,
        place: Place,
        task_state: dict[str, Any],
    ) -> None:
        """Run the function to its end."""
        _set_task_state(task_state)
        turn = _Turn(self.emitted, ended=True)
        try:
            with place.noting():
                function(chain.from_iterable(self.supply(place)), self.collector, ctx)
        except _Stopped:
            pass
        except BaseException as error:
            turn.error = error
        self.turns.put(turn)


def pushed(
    batches: Batches, function: Callable[..., Any], ctx: TSetContext, place: Place, limit: int
) -> Batches:
    """Give what ``f(itr, collector, ctx)`` collects, batch by batch."""
    push = _Push(limit)
    thread = Thread(
        target=copy_context().run,
        args=(push.run, function, ctx, place, _task_state()),
        name=f"dtset {place.operator} {place.label}",
        daemon=True,
    )
    inputs = _Sliced(batches, limit)
    thread.start()
    ended = False
    try:
        while True:
            turn = push.turns.get()
            ended = turn.ended
            if turn.error is not None:
                raise turn.error
            if turn.emitted:
                yield turn.emitted
            if ended:
                return
            push.replies.put(inputs.next(len(turn.emitted)) if turn.asks else [])
    finally:
        if not ended:
            push.replies.put(_Stopped)
        thread.join()


class _Sliced:
    """Input batches, cut smaller while the function emits many elements for each."""

    def __init__(self, batches: Batches, limit: int) -> None:
        self.batches = batches
        self.limit = limit
        self.share = limit
        self.rest: list[Any] = []

    def next(self, emitted: int) -> list[Any] | None:
        """Return the next input for the function, None at the end."""
        if emitted > 2 * self.limit:
            self.share = max(1, self.share * self.limit // emitted)
        elif emitted < self.limit:
            self.share = min(self.limit, 2 * self.share)
        while not self.rest:
            batch = next(self.batches, None)
            if batch is None:
                return None
            self.rest = batch
        given, self.rest = self.rest[: self.share], self.rest[self.share :]
        return given


def _task_state() -> dict[str, Any]:
    """What distributed keeps by thread about the running task, so that ``get_worker()`` works."""
    worker = sys.modules.get("distributed.worker")
    return dict(vars(worker.thread_state)) if worker is not None else {}


def _set_task_state(state: dict[str, Any]) -> None:
    """Give this thread the task state of another."""
    if state:
        vars(sys.modules["distributed.worker"].thread_state).update(state)
