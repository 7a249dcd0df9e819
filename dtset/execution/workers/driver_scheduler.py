"""A scheduler of Dask's in the driver's process, on a thread of its own, that listens on one socket only."""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Protocol

import dask.config
from distributed import Client, Scheduler, utils_comm
from distributed import scheduler as dask_scheduler
from distributed.comm import core as comm_core
from distributed.core import Status
from distributed.diagnostics.plugin import SchedulerPlugin
from distributed.scheduler import WorkerState
from distributed.worker_memory import parse_memory_limit
from tornado.ioloop import IOLoop

from dtset.execution.forwarding.logs import silenced
from dtset.execution.workers import unix_sockets
from dtset.execution.workers.unix_sockets import keep_no_messages

# Dask draws from Python's global generator, here in the driver, where the user may have seeded it.
for _module in (utils_comm, comm_core, dask_scheduler):
    _module.random = random.Random()

_STARTING = 30.0
_CLOSING = 5.0
# Seconds for which a worker may be paused, as its memory is too full, with no task running that could free some.
_PAUSED = 10.0


class Observer(Protocol):
    """Told, in the scheduler's thread, what becomes of workers."""

    def connected(self, name: int, address: str) -> None:
        """A worker is up."""

    def finished(self, address: str) -> None:
        """A worker has finished a task."""

    def stuck(self, address: str) -> None:
        """A worker has been too full for long to take any of the tasks that wait."""


class DriverScheduler:
    """A running scheduler."""

    def __init__(self, path: str, folder: str, observer: Observer) -> None:
        unix_sockets.register()
        keep_no_messages()
        self._path = path
        self._folder = folder
        self._observer = observer
        self._closed = False
        self._up: Future[tuple[IOLoop, asyncio.Event, Scheduler]] = Future()
        self._thread = threading.Thread(target=self._run, name="dtset-scheduler", daemon=True)
        self._thread.start()
        try:
            self._loop, self._stop, self._scheduler = self._up.result(_STARTING)
        except BaseException:
            self._closed = True
            raise

    def client(self) -> Client:
        """Return a client, that lives in the scheduler's thread."""
        client = Client.__new__(Client)
        try:
            client.__init__(
                f"{unix_sockets.PREFIX}{self._path}", loop=self._loop, set_as_default=False
            )
        except BaseException:
            # Half made, it would close itself when it is collected, through a loop that has ended by then.
            client.status = "closed"
            raise
        return client

    def remove(self, address: str) -> None:
        """Count a worker as gone at once, whatever its connections say."""
        self._loop.add_callback(self._removed, address)

    async def _removed(self, address: str) -> None:
        await self._scheduler.remove_worker(
            address=address, stimulus_id=f"dtset-ended-{time.time()}", close=False
        )

    def close(self, timeout: float) -> None:
        """End the scheduler and its thread."""
        self._closed = True
        self._loop.add_callback(self._stop.set)
        self._thread.join(timeout)

    def _run(self) -> None:
        """Run the loop; what ends it early is the starter's to know."""
        with silenced():
            asyncio.run(self._serve())

    async def _serve(self) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        try:
            scheduler = await _LocalScheduler(
                host=self._path,
                protocol="unix",
                dashboard=False,
                # A worker that a function holds up for long is alive as long as its process is.
                worker_ttl="1000 days",
                plugins=[_Plugin(self._observer)],
                local_directory=self._folder,
            )
            with suppress(ValueError):
                # The driver's modules are not looked for there.
                sys.path.remove(scheduler.local_directory)
        except BaseException as error:
            self._up.set_exception(error)
            return
        stop = asyncio.Event()
        self._up.set_result((IOLoop.current(), stop, scheduler))
        paused: dict[str, float] = {}
        while not (stop.is_set() or self._closed):
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), 1.0)
            paused = self._look_for_stuck(scheduler, paused)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(scheduler.close(), _CLOSING)

    def _look_for_stuck(self, scheduler: Scheduler, before: dict[str, float]) -> dict[str, float]:
        """Tell of workers that stay paused with nothing to do; return since when which are."""
        now = time.monotonic()
        paused = {
            address: before.get(address, now)
            for address, worker in scheduler.workers.items()
            if worker.status == Status.paused
            and not _executing(worker)
            and (worker.processing or scheduler.queued or scheduler.unrunnable)
        }
        for address, since in paused.items():
            if now - since > _PAUSED:
                self._observer.stuck(address)
        return paused


class _LocalScheduler(Scheduler):  # type: ignore[misc]
    """A scheduler without the HTTP server that every other one has."""

    def start_http_server(self, *arguments: Any, **keywords: Any) -> None:
        pass


class _Plugin(SchedulerPlugin):  # type: ignore[misc]
    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        self._observer.connected(scheduler.workers[worker].name, worker)

    def transition(
        self, key: object, start: str, finish: str, *arguments: Any, **keywords: Any
    ) -> None:
        if finish == "memory" and start == "processing" and (worker := keywords.get("worker")):
            self._observer.finished(worker)


def most_memory(memory: int | None, threads: int) -> int | None:
    """Bytes that a worker may hold before it is ended, by the rules of Dask's nannies; None: any number."""
    fraction = dask.config.get("distributed.worker.memory.terminate")
    limit = parse_memory_limit("auto" if memory is None else memory, threads, logger=_nowhere)
    return int(limit * fraction) if limit and fraction else None


def _executing(worker: WorkerState) -> int:
    """Number of tasks that a worker was running when it said so last."""
    counts = worker.metrics.get("task_counts", {})
    return sum(counts.get(state, 0) for state in ("executing", "long-running"))


_nowhere = logging.Logger("nowhere", logging.CRITICAL + 1)
