"""The event loop of a run: all coroutines of its functions in a process run in it, in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, TypeVar

from dtset.errors import DTSetError
from dtset.operators.kernels.failure import Place, close_all
from dtset.operators.kernels.lockstep import set_task_state, task_state

T = TypeVar("T")

_LOOKING = 1.0
_ENDED = "the event loop of the run ended before its coroutines did: with the run, or by a SystemExit in one of its tasks"


class EventLoop:
    """An event loop in a thread; what was made in it (a client with its connections, say) serves until it ends."""

    def __init__(self) -> None:
        begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(
            target=self._serve, args=(begun, task_state()), name="dtset event loop", daemon=True
        )
        self._thread.start()
        self.loop, self._ending = begun.result()

    def is_alive(self) -> bool:
        """Whether it takes coroutines."""
        return self._thread.is_alive() and not self.loop.is_closed()

    def end(self, *, wait: bool) -> None:
        """Cancel what is left in it, and end its thread."""
        try:
            self.loop.call_soon_threadsafe(self._ending.set)
        except RuntimeError:
            # Something that was left in it has ended it, as SystemExit does.
            return
        if wait:
            self._thread.join()

    def _serve(self, begun: Future[Any], state: dict[str, Any]) -> None:
        """Run in the thread."""
        set_task_state(state)

        async def serve() -> None:
            ending = asyncio.Event()
            begun.set_result((asyncio.get_running_loop(), ending))
            await ending.wait()

        # A task that somebody left in it may end it.
        with suppress(SystemExit, KeyboardInterrupt):
            asyncio.run(serve())


_loops: dict[str, EventLoop] = {}
_lock = threading.Lock()


def _forget() -> None:
    """Begin anew in a fork, which has its parent's loops without their threads."""
    global _lock
    _lock = threading.Lock()
    _loops.clear()


os.register_at_fork(after_in_child=_forget)


def loop_of(run_id: str) -> EventLoop:
    """Return the event loop of a run in this process, begun when it is first asked for."""
    with _lock:
        found = _loops.get(run_id)
        if found is None or not found.is_alive():
            found = _loops[run_id] = EventLoop()
        return found


def end_loop(run_id: str, *, wait: bool = False) -> None:
    """End the event loop of a run in this process, if it has one."""
    with _lock:
        ended = _loops.pop(run_id, None)
    if ended is not None:
        ended.end(wait=wait)


@dataclass(eq=False)
class _Piece:
    """Elements that were sent together, and what is made of them, once that is there."""

    before: int
    elements: Sequence[Any]
    missing: int
    made: list[Sequence[Any]] = field(init=False)
    done: Future[list[Sequence[Any]]] = field(default_factory=Future)

    def __post_init__(self) -> None:
        self.made = [()] * self.missing


class Window:
    """A coroutine function called for the elements of a partition, for up to `concurrency` of them at once.

    Elements are sent from the partition's thread, and all else happens in the loop's. The first exception cancels the
    rest. Each coroutine has the thread's context variables to itself.
    """

    def __init__(
        self,
        loop: EventLoop,
        function: Callable[[Any], Coroutine[Any, Any, Sequence[Any]]],
        concurrency: int,
        place: Place,
    ) -> None:
        self._runs_in = loop
        self._loop = loop.loop
        self._function = function
        self._concurrency = concurrency
        self._place = place
        self._context = copy_context()
        self._sent = 0
        self._open: list[_Piece] = []
        self._waiting: deque[tuple[_Piece, int]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._errors: list[BaseException] = []
        self._is_closing = False
        self._closed: Future[None] = Future()

    # In the partition's thread ------------------------------------------------------------------

    def send(self, elements: Sequence[Any]) -> Future[list[Sequence[Any]]]:
        """Let the function be called for some more elements; `received` gives what it made of each."""
        piece = _Piece(self._sent, elements, len(elements))
        self._sent += len(elements)
        self._loop.call_soon_threadsafe(self._enter, piece)
        return piece.done

    def received(self, sent: Future[T]) -> T:
        """Wait for what was sent."""
        try:
            while wait([sent], _LOOKING).not_done:
                if not self._runs_in.is_alive():
                    raise DTSetError(_ENDED)
            return sent.result()
        finally:
            # Its exception's traceback leads here: a cycle would keep what it refers to.
            del sent

    def close(self) -> None:
        """Cancel what runs, and wait until it has ended; raise what ending raises."""
        try:
            self._loop.call_soon_threadsafe(self._close)
        except RuntimeError:
            return
        self.received(self._closed)

    # In the loop's ------------------------------------------------------------------------------

    def _enter(self, piece: _Piece) -> None:
        if self._is_closing:
            piece.done.set_exception(asyncio.CancelledError())
            return
        self._open.append(piece)
        self._waiting.extend((piece, number) for number in range(len(piece.elements)))
        self._begin()

    def _begin(self) -> None:
        """Begin as many coroutines as may run beside those that do."""
        while self._waiting and len(self._tasks) < self._concurrency:
            piece, number = self._waiting.popleft()
            task = self._loop.create_task(self._run(piece, number), context=self._context.copy())
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def _run(self, piece: _Piece, number: int) -> None:
        """Call the function for an element."""
        try:
            piece.made[number] = await self._function(piece.elements[number])
        except BaseException as error:
            # Not raised here: KeyboardInterrupt and SystemExit would end the loop.
            self._fail(error, piece.before + number)
            return
        piece.missing -= 1
        if not piece.missing and not self._is_closing:
            self._open.remove(piece)
            piece.done.set_result(piece.made)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not self._is_closing:
            self._begin()
        elif not self._tasks:
            self._finish()

    def _fail(self, error: BaseException, number: int) -> None:
        """Cancel the rest because of an exception; note what those that are cancelled raise."""
        if self._is_closing:
            if not isinstance(error, asyncio.CancelledError):
                self._errors.append(error)
            return
        self._place.stand_at(number)
        self._place.noted(error)
        self._cancel()
        for piece in self._open:
            piece.done.set_exception(error)
        self._open.clear()

    def _cancel(self) -> None:
        self._is_closing = True
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()

    def _close(self) -> None:
        if not self._is_closing:
            self._cancel()
        if not self._tasks:
            self._finish()

    def _finish(self) -> None:
        """Say, once, that nothing runs any more."""
        if self._closed.done():
            return
        try:
            close_all([_raising(error) for error in self._errors])
        except BaseException as error:
            self._closed.set_exception(error)
        else:
            self._closed.set_result(None)


def _raising(error: BaseException) -> Callable[[], None]:
    def close() -> None:
        raise error

    return close
