"""Two threads in lock-step: a function in one of its own, and its consumer. One of them runs, never both."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from contextvars import copy_context
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any

from dtset.errors import DTSetError
from dtset.operators.kernels.batching import Batches
from dtset.operators.kernels.failure import close_all

ENDED = object()

_LOOKING = 1.0


class Stopped(BaseException):
    """Ends a function whose consumer wants no more; no ``except Exception`` holds it up."""


class Lockstep:
    """A function in a thread that runs in turns with its consumer.

    The thread carries this one's context variables and Dask's task state. `interrupt` makes the function call `give`
    soon, though it has not used up what it was given.
    """

    def __init__(
        self,
        name: str,
        function: Callable[[], None],
        interrupt: Callable[[], None] | None = None,
    ) -> None:
        self.ended = False
        self._function = function
        self._interrupt = interrupt
        self._error: BaseException | None = None
        self._turns: SimpleQueue[Any] = SimpleQueue()
        self._replies: SimpleQueue[Any] = SimpleQueue()
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._run, task_state()), name=name, daemon=True
        )

    # In the thread ------------------------------------------------------------------------------

    def give(self, said: Any) -> Any:
        """Give the turn away; return the reply once it is ours again."""
        self._turns.put(said)
        reply = self._replies.get()
        if reply is Stopped:
            # Whoever goes on after this is told again.
            self._replies.put(Stopped)
            raise Stopped
        return reply

    def _run(self, state: dict[str, Any]) -> None:
        """Run the function to its end."""
        set_task_state(state)
        try:
            self._function()
        except Stopped:
            pass
        except BaseException as error:
            self._error = error
        self._turns.put(ENDED)

    # In the consumer's --------------------------------------------------------------------------

    def turn(self, reply: Any = None) -> Any:
        """Let the function have its turn; return what it gives, or `ENDED`, or raise what it raised."""
        if self._thread.ident is None:
            self._start()
        else:
            self._replies.put(reply)
        said = self._turns.get()
        if said is ENDED:
            self._thread.join()
            self._end()
        return said

    def stop(self) -> None:
        """End the function; raise what it raises in its ``finally``."""
        if self.ended or self._thread.ident is None:
            return
        interrupted: KeyboardInterrupt | None = None
        while True:
            try:
                self._wait_for_end()
                break
            except KeyboardInterrupt as error:
                # Asked for again: not only at its next element.
                interrupted = error
                _raise_in(self._thread)
        self._end()
        if interrupted is not None:
            raise interrupted

    def _wait_for_end(self) -> None:
        """Ask the function to end, and wait until it has."""
        self._replies.put(Stopped)
        if self._interrupt is not None:
            self._interrupt()
        while self._thread.is_alive():
            try:
                if self._turns.get(timeout=_LOOKING) is ENDED:
                    break
            except Empty:
                continue
        self._thread.join()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """End the function when its consumer ends; one that is closed early has no error, but what ending raises."""
        wants_no_more = isinstance(error, GeneratorExit) and not self.ended
        close_all([self.stop], None if wants_no_more else error)
        return wants_no_more

    def _start(self) -> None:
        """Start the thread."""
        try:
            self._thread.start()
        except RuntimeError as error:
            raise DTSetError(
                f"no thread can be started for {self._thread.name} ({error}), beside the {threading.active_count()} "
                "there are: each compute that pushes takes one in every partition that runs. persist() or cache() "
                "between them, use f(itr, ctx), or raise the limit of processes (ulimit -u)"
            ) from error

    def _end(self) -> None:
        """Raise what the function raised, once."""
        self.ended = True
        error, self._error = self._error, None
        try:
            if error is not None:
                raise error
        finally:
            del error


def relayed(batches: Batches) -> Batches:
    """Give batches on from a thread, whose stack what is above has for itself."""

    def relay() -> None:
        try:
            for batch in batches:
                lockstep.give(batch)
        except Stopped:
            pass
        batches.close()

    lockstep = Lockstep("dtset relay", relay)
    with lockstep:
        while (batch := lockstep.turn()) is not ENDED:
            yield batch


def _raise_in(thread: threading.Thread) -> None:
    """Raise `Stopped` in a thread, wherever it is in Python code."""
    ident = ctypes.c_ulong(thread.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(Stopped))


def task_state() -> dict[str, Any]:
    """What distributed keeps by thread about the running task, so that ``get_worker()`` works."""
    # Another thread may be just importing it.
    state = getattr(sys.modules.get("distributed.worker"), "thread_state", None)
    return {} if state is None else dict(vars(state))


def set_task_state(state: dict[str, Any]) -> None:
    """Give this thread the task state of another."""
    if state:
        vars(sys.modules["distributed.worker"].thread_state).update(state)
