"""What an action waits for: said when it takes long, and an error when it will not come."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from dtset.errors import DTSetError

if TYPE_CHECKING:
    from distributed import Client

# Seconds until what is waited for is said, and until it is said again.
_PATIENCE = 5.0
_AGAIN = 30.0

_logger = logging.getLogger("dtset")


class SchedulerLostError(Exception):
    """The cluster's scheduler does not answer any more."""


class WorkersGoneError(DTSetError):
    """All worker processes that dtset started have ended, and are not started again."""


class LocalWorkers(Protocol):
    """Worker processes that dtset starts, and starts again where they end."""

    # Why there will be no worker any more; None while there are some, or will be.
    why_none: str | None
    # How a worker ended last, in words.
    last_end: str | None


def asked(client: Client, ask: Callable[[], Awaitable[Any]]) -> Future[Any]:
    """Ask something in a client's thread."""

    async def answer() -> Any:
        return await ask()

    answering = answer()
    try:
        return asyncio.run_coroutine_threadsafe(answering, client.loop.asyncio_loop)
    except RuntimeError as error:
        answering.close()
        raise SchedulerLostError("its client was closed") from error


@dataclass(eq=False)
class Waiting:
    """Looks at a cluster while something is waited for."""

    kind: str
    client: Client
    workers: LocalWorkers | None
    for_tasks: bool
    _answer: Future[str | None] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.progressed()

    def progressed(self) -> None:
        """Note that something has come."""
        self._since = self._asked_at = time.monotonic()
        self._silent_for = _PATIENCE

    def look(self) -> None:
        """Look, about every second, whether what is waited for can come: say if it does not, raise if it will not."""
        if self.workers is not None and self.workers.why_none is not None:
            raise WorkersGoneError(self.workers.why_none)
        if self.client.status == "connecting":
            self.until_connected()
        elif self.client.status != "running":
            raise SchedulerLostError("its client was closed")
        elif self._answer is None or self._answer.done():
            self._take_answer()
        elif time.monotonic() - self._asked_at > _PATIENCE:
            self._say("its scheduler does not answer")

    def until_connected(self) -> None:
        """Wait until a lost connection is there again; raise if it will not be."""
        address = self.client.scheduler.address if self.client.scheduler else self.kind
        while True:
            if self.client.status in ("closing", "closed"):
                raise SchedulerLostError(f"there was no connection to {address} for too long")
            try:
                asked(self.client, lambda: _greeted(self.client, address)).result(_PATIENCE)
            except OSError as error:
                if _is_refused(error):
                    raise SchedulerLostError(f"nobody listens at {address} any more") from None
            else:
                if self.client.status == "running":
                    return
            self._say("the connection to its scheduler was lost")
            time.sleep(0.1)

    def _take_answer(self) -> None:
        why = None
        if self._answer is not None:
            try:
                why = self._answer.result()
            except (OSError, CancelledError) as error:
                why = f"its scheduler does not answer ({error})"
        now = time.monotonic()
        if why is not None:
            self._say(why)
        elif self._answer is not None:
            self._since, self._silent_for = now, _PATIENCE
        # What goes well is asked for less often.
        if self._answer is None or why is not None or now - self._asked_at > _PATIENCE:
            self._asked_at = now
            self._answer = asked(self.client, self._why_idle)

    async def _why_idle(self) -> str | None:
        scheduler: Any = self.client.scheduler
        more = f"`dask worker {scheduler.address}` starts one"
        if self.workers is not None:
            more = "they are being started"
        workers = await scheduler.ncores()
        if not workers:
            return f"it has no workers; {more}"
        running = await scheduler.ncores_running()
        if not running:
            return f"its {len(workers)} workers take no tasks, as their memory is full or they are closing"
        # Of all workers: asked for one that has gone meanwhile, the scheduler fails.
        tasks = await scheduler.processing() if self.for_tasks else {}
        if self.for_tasks and not any(tasks.get(worker) for worker in running):
            return f"it has no worker that may run the tasks that are left; {more}"
        return None

    def _say(self, why: str) -> None:
        """Say what is waited for, if that has been so for long."""
        waited = time.monotonic() - self._since
        if waited < self._silent_for:
            return
        self._silent_for = waited + _AGAIN
        _logger.warning(
            "waiting for %s for %.0f s: %s; Ctrl-C ends the program, and what was committed stays",
            self.kind,
            waited,
            why,
        )


async def _greeted(client: Client, address: str) -> None:
    from distributed.comm import connect

    connecting = connect(address, timeout="500ms", **client.connection_args)
    try:
        comm = await asyncio.wait_for(connecting, 2.0)
    except TimeoutError as error:
        raise OSError(f"{address} takes connections, and does not answer") from error
    await comm.close()


def _is_refused(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ConnectionRefusedError | FileNotFoundError):
            return True
        error = error.__cause__
    return False
