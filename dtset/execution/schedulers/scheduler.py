"""Running a Dask graph, on whatever runs Dask graphs."""

from __future__ import annotations

import os
from asyncio import _get_running_loop
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from concurrent.futures import CancelledError as CancelledFutureError
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from dtset.errors import DTSetError, UsageError
from dtset.execution.forwarding.logs import handled, topic_of
from dtset.execution.forwarding.printing import write_out
from dtset.execution.schedulers.process_state import undisturbed
from dtset.execution.schedulers.waiting import LocalWorkers, Waiting, asked

if TYPE_CHECKING:
    from distributed import Client, Future

SYNCHRONOUS = ("synchronous", "sync", "single-threaded")

# Seconds between looks at what is waited for.
_LOOKING = 1.0

_F = TypeVar("_F", bound=Any)
Key: TypeAlias = str | tuple[Hashable, ...]
Graph: TypeAlias = dict[Key, Any]
# What a user function said: text that it printed, or the fields of a record that it logged.
Said: TypeAlias = str | dict[str, Any]


class WorkersLostError(Exception):
    """Tasks were lost with their workers, more often than Dask runs them again by itself."""


class Scheduler(Protocol):
    """Runs Dask graphs."""

    @property
    def kind(self) -> str:
        """What the banner calls it."""

    @property
    def concurrent(self) -> bool:
        """Whether tasks run beside the driver's own thread."""

    def threads(self) -> int:
        """Return the number of worker threads there are now."""

    def compute(self, graph: Graph, keys: Sequence[Key]) -> list[Any]:
        """Run a graph; return the results of some keys."""

    def keep(self, graph: Graph, keys: Sequence[Key]) -> Mapping[Key, Any]:
        """Run a graph; keep the results of some keys where they are, as entries for later graphs."""

    def lost(self, entries: Iterable[Any]) -> bool:
        """Return whether results that were kept are lost for good."""


@dataclass(frozen=True)
class LocalScheduler:
    """A scheduler of Dask's that runs in this process, or in a pool of its own."""

    kind: str
    get: Callable[..., Any] = field(repr=False)

    @property
    def concurrent(self) -> bool:
        """Whether tasks run beside the driver's own thread."""
        return self.kind not in SYNCHRONOUS

    def threads(self) -> int:
        """Return the number of worker threads there are now."""
        import dask.config
        from dask.system import CPU_COUNT

        if not self.concurrent:
            return 1
        return int(dask.config.get("num_workers", None) or CPU_COUNT)

    def compute(self, graph: Graph, keys: Sequence[Key]) -> list[Any]:
        """Run a graph; return the results of some keys."""
        try:
            return list(undisturbed(partial(self.get, graph, list(keys))))
        except BrokenExecutor as error:
            raise DTSetError(
                f"a process of Dask's {self.kind!r} scheduler ended: {error}. That scheduler imports the script again in "
                "each process, so that a script needs `if __name__ == '__main__':` around what it does; without one, "
                "use worker processes of dtset's own (leave out cluster=) or cluster='threads'"
            ) from error

    def keep(self, graph: Graph, keys: Sequence[Key]) -> Mapping[Key, Any]:
        """Run a graph; keep the results of some keys in this process."""
        from dask._task_spec import DataNode

        results = self.compute(graph, keys)
        return {key: DataNode(key, result) for key, result in zip(keys, results, strict=True)}

    def lost(self, entries: Iterable[Any]) -> bool:
        """Return whether results that were kept are lost: those in this process never are."""
        return False


class DistributedScheduler:
    """A cluster of Dask's, reached through a client; the run's ID names the topic of what user functions print."""

    concurrent = True

    def __init__(
        self, kind: str, client: Client, run_id: str, workers: LocalWorkers | None = None
    ) -> None:
        from dtset.execution.workers.unix_sockets import keep_no_messages

        keep_no_messages(client)
        self.kind = kind
        self.client = client
        self._workers = workers
        self._process = os.getpid()
        # One queue an action, for text and for futures that are done, keeps their order; the thread of
        # the action prints: a notebook shows what other threads print in whatever cell.
        self._actions: list[SimpleQueue[Any]] = []
        client.subscribe_topic(topic_of(run_id), self._take)

    def threads(self) -> int:
        """Return the number of worker threads there are now, at least one."""
        threads: Mapping[str, int] = self._answer(lambda: self.client.scheduler.ncores())
        return max(1, sum(threads.values()))

    def compute(self, graph: Graph, keys: Sequence[Key]) -> list[Any]:
        """Run a graph; return the results of some keys."""
        futures = self._finished(graph, keys)
        return list(self._answer(lambda: self.client.gather(futures, asynchronous=True)))

    def keep(self, graph: Graph, keys: Sequence[Key]) -> Mapping[Key, Any]:
        """Run a graph; keep the results of some keys in the cluster's memory."""
        return dict(zip(keys, self._finished(graph, keys), strict=True))

    def begin(self, graph: Graph, keys: Sequence[Key]) -> Mapping[Key, Any]:
        """Submit a graph; return entries for later graphs at once, that stand for the results of some keys."""
        with self._translated(self._waiting(for_tasks=True)):
            return self._submitted(graph, keys)

    def put(self, values: Mapping[Key, Any]) -> Mapping[Key, Any]:
        """Bring values of this process to the cluster's memory; return entries for graphs that read them."""
        entries: Mapping[Key, Any] = self._answer(
            lambda: self.client.scatter(dict(values), asynchronous=True)
        )
        return entries

    def cancel(self, entries: Iterable[Any]) -> None:
        """Give up what was begun."""
        if self.client.status == "running":
            self.client.cancel(list(entries), force=True)

    def lost(self, entries: Iterable[Any]) -> bool:
        """Return whether results that were kept are lost, beyond what Dask makes good by itself."""
        return any(future.status not in ("finished", "pending") for future in entries)

    def _take(self, event: tuple[float, Said]) -> None:
        """Take what a user function printed or logged; called by the client."""
        actions = self._actions
        if actions:
            actions[-1].put(event[1])
        else:
            _say(event[1])

    def _finished(self, graph: Graph, keys: Sequence[Key]) -> list[Future]:
        """Submit a graph; return futures when all are done, or raise the first exception at once and cancel the rest."""
        waiting = self._waiting(for_tasks=True)
        with self._translated(waiting):
            begun = self._submitted(graph, keys)
            futures = [begun[key] for key in keys]
            try:
                for future in self._awaited(futures, waiting):
                    if future.status != "finished":
                        future.result()
            except BaseException:
                self.cancel(futures)
                raise
        return futures

    def _submitted(self, graph: Graph, keys: Sequence[Key]) -> dict[Key, Future]:
        """Submit a graph; return the futures of some keys, those that the graph had included."""
        # The others are results that the cluster keeps.
        tasks = {key: node for key, node in graph.items() if not hasattr(node, "add_done_callback")}
        new = [key for key in keys if key in tasks]
        futures = self.client.get(tasks, new, sync=False, retries=0) if new else []
        return {key: graph[key] for key in keys if key not in tasks} | dict(
            zip(new, futures, strict=True)
        )

    def _answer(self, ask: Callable[[], Any]) -> Any:
        waiting = self._waiting(for_tasks=False)
        with self._translated(waiting):
            (answered,) = self._awaited([asked(self.client, ask)], waiting)
            return answered.result()

    def _awaited(self, futures: Sequence[_F], waiting: Waiting) -> Iterator[_F]:
        """Wait for futures, Dask's or Python's, as they are done; print meanwhile what user functions print."""
        events: SimpleQueue[Any] = SimpleQueue()
        self._actions = [*self._actions, events]
        pending = {id(future) for future in futures}
        try:
            for future in futures:
                future.add_done_callback(events.put)
            while pending:
                try:
                    event = events.get(timeout=_LOOKING)
                except Empty:
                    waiting.look()
                    continue
                waiting.progressed()
                if isinstance(event, str | dict):
                    try:
                        _say(event)
                    except OSError as error:
                        # Not of the cluster's: nothing is to be submitted again for it.
                        raise DTSetError(
                            f"what functions print cannot be written to this program's stdout: {error}"
                        ) from error
                else:
                    pending.discard(id(event))
                    yield event
        finally:
            self._actions = [each for each in self._actions if each is not events]

    def _waiting(self, *, for_tasks: bool) -> Waiting:
        if os.getpid() != self._process:
            raise UsageError(
                "this process is a fork of the one that made the environment, whose connection it does not have: make "
                "an environment of its own here, or call the action in the parent"
            )
        if _get_running_loop() is self.client.loop.asyncio_loop:
            raise UsageError(
                "this would wait for the cluster in the thread that speaks with it, and for ever: call it in another, and "
                "give wait() and progress() what dask.persist() returned"
            )
        waiting = Waiting(self.kind, self.client, self._workers, for_tasks=for_tasks)
        if self.client.status != "running":
            waiting.look()
        return waiting

    @contextmanager
    def _translated(self, waiting: Waiting) -> Iterator[None]:
        """Say of what Dask raises when workers, results or the scheduler are lost that they are lost."""
        from distributed import KilledWorker
        from distributed.client import CancelledError

        try:
            yield
        except DTSetError:
            raise
        except KilledWorker as killed:
            last = None if self._workers is None else self._workers.last_end
            why = f"{last}, the last of those that ran it" if last else killed
            raise WorkersLostError(f"task {killed.task!r}: {why}") from killed
        except (OSError, CancelledError, CancelledFutureError) as error:
            # What user functions raise comes as a TaskFailedError: this is Dask's own connection, or a
            # loss of all that it knew. What is connected again has forgotten the tasks.
            waiting.until_connected()
            raise WorkersLostError(str(error)) from error


def _say(said: Said) -> None:
    if isinstance(said, str):
        write_out(said)
    else:
        handled(said)
