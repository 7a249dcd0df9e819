"""Where a job runs: what the user gave, what is configured, or worker processes on this machine."""

from __future__ import annotations

import logging
import math
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from operator import index
from typing import Any

import dask.config
from dask.system import CPU_COUNT

from dtset.errors import ConfigurationError, DTSetError, UsageError
from dtset.execution.forwarding.logs import silenced
from dtset.execution.schedulers.embedded import EmbeddedScheduler, StartedWorkers
from dtset.execution.schedulers.scheduler import (
    SYNCHRONOUS,
    DistributedScheduler,
    LocalScheduler,
    Scheduler,
)
from dtset.execution.schedulers.waiting import asked
from dtset.execution.workers.worker import running_worker
from dtset.operators.kernels.event_loop import end_loop
from dtset.settings import setting, whole_number

_DASK_SCHEDULERS = (*SYNCHRONOUS, "threads", "threading", "processes", "multiprocessing")


_CLOSING = 10.0

_logger = logging.getLogger("dtset")


@dataclass
class Cluster:
    """Where a job runs; nothing is started or reached before there is something to compute.

    `connect` returns what runs Dask graphs, and what to close in the end, outermost last. If it `spares_this_process`, nothing
    runs in it that can run elsewhere.
    """

    kind: str
    connect: Callable[[str], tuple[Scheduler, Sequence[Any]]] = field(repr=False)
    known_threads: int | None = None
    in_process: bool = False
    spares_this_process: bool = field(default=False, init=False)
    _scheduler: Scheduler | None = None
    _closing: Sequence[Any] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def scheduler(self, run_id: str) -> Scheduler:
        """Return what runs Dask graphs; start or reach it if this is the first time."""
        with self._lock:
            if self._scheduler is None:
                with _reaching(self.kind):
                    self._scheduler, self._closing = self.connect(run_id)
            if isinstance(self._scheduler, EmbeddedScheduler) and self.spares_this_process:
                self._scheduler.go_over()
            return self._scheduler

    def threads(self, run_id: str) -> int:
        """Return the number of worker threads, reaching the cluster if need be."""
        known = self.known_threads
        return self.scheduler(run_id).threads() if known is None else known

    def reached_client(self, run_id: str) -> Any:
        """Return the `distributed.Client`, started if need be; None where there is none."""
        scheduler = self.scheduler(run_id)
        if isinstance(scheduler, EmbeddedScheduler):
            scheduler.go_over()
        return self.client

    @property
    def client(self) -> Any:
        """The `distributed.Client`, None where there is none, or none yet."""
        return getattr(self._scheduler, "client", None)

    @property
    def dashboard_link(self) -> str | None:
        """Where Dask's dashboard is, None where there is none, or none yet."""
        # Dask looks it up in what the scheduler says of itself, whether or not that has it.
        with suppress(AttributeError, KeyError):
            link: str | None = self.client.dashboard_link
            return link
        return None

    def end_loops(self, run_id: str) -> None:
        """Let all workers end the event loop that they have for a run."""
        client = self.client
        if client is None or client.status != "running":
            return
        asking = asked(client, lambda: client.run(end_loop, run_id, on_error="ignore"))
        try:
            asking.result(_CLOSING)
        except (OSError, TimeoutError) as error:
            _logger.warning("workers were not told that run %s ended: %s", run_id, error)

    def close(self) -> None:
        """Release what was started, and nothing else."""
        closing, self._closing, self._scheduler = self._closing, (), None
        # What does not answer any more is not waited for: the processes end with this one.
        with dask.config.set({"distributed.comm.timeouts.connect": "2s"}), silenced():
            for each in closing:
                try:
                    each.close(timeout=_CLOSING)
                except (OSError, TimeoutError) as error:
                    _logger.warning("the cluster was not closed as it should be: %s", error)


def choose_cluster(
    cluster: object,
    resources: Sequence[Mapping[str, Any]] | None,
    told: Mapping[str, Any] | None = None,
) -> Cluster:
    """Choose where a job runs: what is said more closely wins, and what the command line `told` wins over `resources`."""
    if running_worker() is not None:
        raise UsageError(
            "a TSetEnvironment cannot be opened inside of a function that runs on a worker: it would wait for the "
            "worker that waits for it. Make it in the driver"
        )
    told = told or {}
    for address in (cluster, told.get("cluster")):
        if address is not None:
            return _given(address)
    if told.get("workers") is not None:
        return _local_processes([{"instances": told["workers"]}])
    if resources:
        return _local_processes(resources)
    if (client := _current_client()) is not None:
        return _of_client(client)
    if setting("cluster") is not None:
        return _given(setting("cluster"))
    if setting("workers") is not None:
        return _local_processes([{"instances": whole_number("workers", least=1)}])
    configured = dask.config.get("scheduler", None)
    if configured is not None and configured not in ("dask.distributed", "distributed"):
        return _given(configured)
    return _embedded(CPU_COUNT)


def _current_client() -> Any:
    # Whoever made one has imported distributed: to import it only to find none costs half a second.
    if "distributed" not in sys.modules:
        return None
    from distributed import get_client

    try:
        return get_client()
    except ValueError:
        return None


def _given(cluster: Any) -> Cluster:
    if isinstance(cluster, str):
        if cluster in _DASK_SCHEDULERS:
            return _of_dask(cluster)
        if "://" in cluster or ":" in cluster:
            return _of_address(cluster)
    elif hasattr(cluster, "get") and hasattr(cluster, "scheduler_info"):
        return _of_client(cluster)
    elif hasattr(cluster, "scheduler_address"):
        _check_running(type(cluster).__name__, cluster)
        return _of_address(cluster.scheduler_address, kind=type(cluster).__name__, target=cluster)
    elif callable(cluster) or hasattr(cluster, "submit"):
        return _of_dask(cluster)
    raise ConfigurationError(
        f"cluster={cluster!r} is no cluster: give a distributed.Client, a Cluster object, a scheduler address such as "
        f"'tcp://host:8786', or one of {', '.join(_DASK_SCHEDULERS)}"
    )


def _of_dask(scheduler: Any) -> Cluster:
    from dask.base import get_scheduler, named_schedulers

    kind = scheduler if isinstance(scheduler, str) else type(scheduler).__name__
    # Dask imports distributed, for a third of a second, before it looks a name up.
    get = named_schedulers.get(kind) or get_scheduler(scheduler=scheduler)
    local = LocalScheduler(kind, get)
    in_process = kind in (*SYNCHRONOUS, "threads", "threading")
    return Cluster(kind, lambda run_id: (local, ()), local.threads(), in_process)


def _of_client(client: Any) -> Cluster:
    """A client that is somebody else's."""
    _check_running("Client", client)
    kind = type(client.cluster).__name__ if client.cluster is not None else client.scheduler.address
    return Cluster(kind, lambda run_id: (DistributedScheduler(kind, client, run_id), ()))


def _check_running(kind: str, given: Any) -> None:
    if getattr(given, "asynchronous", False):
        raise ConfigurationError(
            f"cluster=: the {kind} is asynchronous, and what computes here waits for its results: make it without "
            "asynchronous=True, or give the scheduler's address"
        )
    status = getattr(given, "status", None)
    status = getattr(status, "name", status)
    if status in ("closed", "closing", "failed"):
        raise ConfigurationError(
            f"cluster=: the {kind} is {status}, and runs nothing any more: make another, and close it after the environment"
        )


def _of_address(address: str, *, kind: str | None = None, target: Any = None) -> Cluster:
    """A cluster to reach with a client of ours."""
    kind = kind or address

    def connect(run_id: str) -> tuple[Scheduler, Sequence[Any]]:
        from distributed import Client

        try:
            client = Client(target or address, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"no Dask scheduler answers at {address}: start one with `dask scheduler`, or give another cluster= "
                f"({error})"
            ) from error
        return DistributedScheduler(kind, client, run_id), (client,)

    return Cluster(kind, connect)


def _local_processes(resources: Sequence[Mapping[str, Any]]) -> Cluster:
    """Worker processes on this machine, started when there is something to compute."""
    if not isinstance(resources, Sequence) or not all(
        isinstance(each, Mapping) for each in resources
    ):
        raise ConfigurationError(
            f"resources={resources!r}: use [{{'cpu': threads, 'ram': MiB, 'instances': processes}}]"
        )
    instances = [_instances(each) for each in resources]
    threads = sum(count * cpu for count, cpu, _ in instances)
    count = sum(each for each, _, _ in instances)
    kind = _counted(count)

    def connect(run_id: str) -> tuple[Scheduler, Sequence[Any]]:
        from dtset.execution.workers.local_processes import LocalProcesses

        processes = LocalProcesses(instances)
        client = processes.start()
        return DistributedScheduler(kind, client, run_id, processes), (processes,)

    return Cluster(kind, connect, known_threads=threads)


def _embedded(count: int) -> Cluster:
    """Make use of this process and, when there is much to do, of worker processes on this machine."""

    def connect(run_id: str) -> tuple[Scheduler, Sequence[Any]]:
        from dtset.execution.workers.local_processes import LocalProcesses

        kind = _counted(count)
        processes = LocalProcesses([(count, 1, None)])

        def start() -> DistributedScheduler:
            with _reaching(kind):
                return DistributedScheduler(kind, processes.start(), run_id, processes)

        embedded = EmbeddedScheduler(kind, count, StartedWorkers(processes, start))
        return embedded, (embedded,)

    return Cluster(f"this process, then {_counted(count)}", connect, known_threads=count)


def _counted(count: int) -> str:
    return f"{count} local worker process{'es' if count > 1 else ''}"


@contextmanager
def _reaching(kind: str) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:
        raise DTSetError(
            f"{kind} could not be started or reached: {error}. Start the job again, or give it "
            "another cluster=, such as 'threads'"
        ) from error


def _instances(resource: Mapping[str, Any]) -> tuple[int, int, int | None]:
    """Number of processes, threads of each, and bytes of each, of one entry of ``resources``."""
    unknown = set(resource) - {"cpu", "ram", "instances", "disk"}
    try:
        count, cpu = index(resource.get("instances", 1)), math.ceil(float(resource.get("cpu", 1)))
        ram = int(resource["ram"]) * 2**20 if "ram" in resource else None
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"resources={[dict(resource)]!r}: {error}; use numbers") from error
    if unknown or count < 1 or cpu < 1 or (ram is not None and ram < 1):
        raise ConfigurationError(
            f"resources={[dict(resource)]!r}: use [{{'cpu': threads, 'ram': MiB, 'instances': processes}}] "
            "with numbers of at least 1"
        )
    return count, cpu, ram
