"""The default: begins in this process at once, and goes over to worker processes when there is much to do.

Partitions run here one at a time, in the thread that asks for them. A second thread looks on, has workers started
where there is more to do than a moment's work, and sends them what does not depend on the partition that runs
here. After a second, or near half of the memory that was free, no further partition begins here.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dask._task_spec import Task, TaskRef

from dtset.execution.forwarding.shared import SharedChange
from dtset.execution.schedulers.process_state import undisturbed
from dtset.execution.schedulers.scheduler import DistributedScheduler, Graph, Key
from dtset.execution.stage import GroupResult
from dtset.execution.tasks import partition_results, run_group, together

if TYPE_CHECKING:
    from dtset.execution.workers.local_processes import LocalProcesses


import re
from contextlib import suppress
from pathlib import Path

_MOST_SECONDS = 1.0
_MOST_OF_MEMORY = 0.5
_INTERVAL = 0.05
# While other threads of this process start and serve workers: they give the interpreter away at every file and
# socket, and wait so many seconds each time for the thread that computes. With Python's 5 ms it takes them a
# minute to import distributed.
_SWITCH_INTERVAL = 1e-4


class StartedWorkers:
    """Worker processes that are started when they are first wanted, in a thread of its own."""

    def __init__(
        self, processes: LocalProcesses, start: Callable[[], DistributedScheduler]
    ) -> None:
        self._processes = processes
        self._start = start
        self._lock = threading.RLock()
        self._started: Future[DistributedScheduler] | None = None

    @property
    def ready(self) -> DistributedScheduler | None:
        """What runs graphs on the workers, None while there are none."""
        started = self._started
        there = started is not None and started.done() and started.exception() is None
        return started.result() if there and started is not None else None

    def begin(self) -> Future[DistributedScheduler]:
        """Have them started, unless they were."""
        with self._lock:
            if self._started is None:
                self._started = Future()
                threading.Thread(
                    target=self._run, args=(self._started,), name="dtset-start", daemon=True
                ).start()
            return self._started

    def wait(self) -> DistributedScheduler:
        """Return what runs graphs on the workers, once they are up."""
        return self.begin().result()

    def close(self, timeout: float) -> None:
        """End them; a start that is under way ends with an error."""
        self._processes.close(timeout)

    def _run(self, started: Future[DistributedScheduler]) -> None:
        try:
            started.set_result(self._start())
        except BaseException as error:
            started.set_exception(error)


@dataclass(eq=False)
class _Kept:
    """A result that is kept in this process, until a graph that reads it goes over to the workers."""

    value: Any = field(repr=False)
    future: Any = None


class EmbeddedScheduler:
    """Runs graphs in this process, and what takes long on worker processes."""

    # What may run on a worker has to bring along what it prints.
    concurrent = True

    def __init__(self, kind: str, known_threads: int, workers: StartedWorkers) -> None:
        self.kind = kind
        self._known_threads = known_threads
        self._workers = workers
        self._memory: _Memory | None = None
        self._seconds = 0.0
        # The user's code never runs on two threads of this process; a signal's handler may call an action in another.
        self._here = threading.RLock()

    @property
    def client(self) -> Any:
        """The workers' `distributed.Client`, None while there are no workers."""
        return getattr(self._workers.ready, "client", None)

    def go_over(self) -> None:
        """Have everything run on the workers from now on."""
        self._workers.wait()

    def threads(self) -> int:
        """Return the number of worker threads."""
        workers = self._workers.ready
        return self._known_threads if workers is None else workers.threads()

    def compute(self, graph: Graph, keys: Sequence[Key]) -> list[Any]:
        """Run a graph; return the results of some keys."""
        here, there = self._run(graph, keys, DistributedScheduler.compute)
        rest = iter(there)
        return [here[key] if key in here else next(rest) for key in keys]

    def keep(self, graph: Graph, keys: Sequence[Key]) -> Mapping[Key, Any]:
        """Run a graph; keep the results of some keys where they are."""
        here, there = self._run(graph, keys, DistributedScheduler.keep)
        return {key: _Kept(here[key]) if key in here else there[key] for key in keys}

    def lost(self, entries: Iterable[Any]) -> bool:
        """Return whether results that were kept are lost with the workers that had them."""
        futures = [entry.future if isinstance(entry, _Kept) else entry for entry in entries]
        workers = self._workers.ready
        return workers is not None and workers.lost(filter(None, futures))

    def close(self, timeout: float) -> None:
        """End the workers, if there are any."""
        self._workers.close(timeout)

    def _run(
        self, graph: Graph, keys: Sequence[Key], finish: Callable[..., Any]
    ) -> tuple[dict[Key, Any], Any]:
        """Run a graph: the results that are here, and what `finish` gives for the other keys."""
        flow = _Flow(graph, keys)
        try:
            with self._here:
                if self._workers.ready is None:
                    self._run_here(flow, keys)
            here = {key: flow.done[key] for key in keys if key in flow.done}
            wanted = [key for key in keys if key not in here]
            if not wanted:
                return here, ()
            workers = self._workers.wait()
            return here, finish(workers, flow.submission(workers, wanted), wanted)
        except BaseException:
            if flow.sent and self._workers.ready is not None:
                self._workers.ready.cancel(flow.sent.values())
            raise

    def _run_here(self, flow: _Flow, keys: Sequence[Key]) -> None:
        ended = threading.Event()
        watch = threading.Thread(
            target=self._watch, args=(flow, ended), name="dtset-watch", daemon=True
        )
        began = time.perf_counter()
        try:
            watch.start()
            undisturbed(flow.run)
        finally:
            self._seconds += time.perf_counter() - began
            ended.set()
            if watch.is_alive():
                watch.join()
        if flow.failure is not None and not all(key in flow.done for key in keys):
            raise flow.failure

    def _watch(self, flow: _Flow, ended: threading.Event) -> None:
        """Look on while a graph runs here: have workers started in time, and send them what they can do."""
        switching, switching_often = ExitStack(), False
        try:
            while not ended.wait(_INTERVAL):
                self._memory = self._memory or _Memory()
                if self._memory.short():
                    flow.stop()
                # With all that was done here before, it is more than a moment's work.
                left = max(0.0, _MOST_SECONDS - self._seconds)
                if not switching_often and flow.seconds_ahead() > left:
                    switching.enter_context(_switching.made(_switch_often))
                    switching_often = True
                    self._workers.begin()
                if self._workers.ready is not None and not (flow.is_shared or ended.is_set()):
                    flow.share(self._workers.ready)
        except BaseException as error:
            flow.failure = error
        finally:
            switching.close()


def _switch_often() -> None:
    """Let threads that wait for the interpreter get it soon."""
    _interval_before.append(sys.getswitchinterval())
    sys.setswitchinterval(_SWITCH_INTERVAL)


def _switch_as_before() -> None:
    for interval in _interval_before[:1]:
        sys.setswitchinterval(interval)
    _interval_before.clear()


_interval_before: list[float] = []
_switching = SharedChange(_switch_as_before)


class _Memory:
    """How much of the memory that was free at first this process has taken since."""

    def __init__(self) -> None:
        self._most = used_memory() + _MOST_OF_MEMORY * free_memory()

    def short(self) -> bool:
        return used_memory() > self._most


class _Flow:
    """A graph on its way, here and on the workers; under its lock a task begins here, and none from `stop` or `share` on."""

    def __init__(self, graph: Graph, keys: Sequence[Key]) -> None:
        self.done: dict[Key, Any] = {}
        self.sent: dict[Key, Any] = {}
        self.failure: BaseException | None = None
        self.is_shared = False
        self._graph = dict(graph)
        self._keys = keys
        self._readers = Counter(name for node in graph.values() for name in _read_by(node))
        self._lock = threading.Lock()
        self._stopped = False
        self._began = self._last_began = time.perf_counter()
        self._partitions_done = 0
        # The task that is running here and, of a group, the place of the partition that is.
        self._running: tuple[Key, int] | None = None

    def run(self) -> None:
        """Run the graph in this thread, until it is done or stopped."""
        for key in self._left():
            task = self._graph[key]
            values = {name: self._value(name) for name in _read_by(task)}
            if task.func is run_group:
                self._run_group(key, task, values)
            elif self._begins(key, 0):
                self._finished(key, task(values))
            if key not in self.done:
                return
            for name in values:
                self._readers[name] -= 1
                if not self._readers[name] and name not in self._keys:
                    self.done.pop(name, None)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True

    def seconds_ahead(self) -> float:
        """How long all would take here, as things stand; 0 where nobody could take anything over."""
        with self._lock:
            if self._running is None:
                return 0.0
            key, place = self._running
            count = max(0, len(_partitions(self._graph[key])) - place - 1)
            count += sum(len(_partitions(self._graph[free])) for free in self._free({key}))
            now = time.perf_counter()
            took = now - self._began
            pace = max(now - self._last_began, took / (self._partitions_done + 1))
            return took + count * pace if count else 0.0

    def share(self, workers: DistributedScheduler) -> None:
        """Send to the workers what does not depend on what is running here; nothing more begins here."""
        self.is_shared = True
        with self._lock:
            self._stopped = True
            awaited = set() if self._running is None else {self._cut(*self._running)}
            free = self._free(awaited)
        taken = set(free)
        read_later = {
            name for key in self._left() if key not in taken for name in _read_by(self._graph[key])
        }
        wanted = [key for key in free if key in read_later or key in self._keys]
        if wanted:
            self.sent.update(workers.begin(self.submission(workers, wanted), wanted))

    def submission(self, workers: DistributedScheduler, wanted: Sequence[Key]) -> Graph:
        """Make the graph for what is wanted; what is there of it already is put where workers find it."""
        tasks: Graph = {key: self._graph[key] for key in self._left(wanted)}
        read = {name for task in tasks.values() for name in _read_by(task)}.union(wanted)
        there, here = dict[Key, Any](), dict[Key, Any]()
        for name in read.difference(tasks):
            entry = self._graph.get(name)
            if name in self.sent:
                there[name] = self.sent[name]
            elif name in self.done:
                here[name] = self.done[name]
            elif isinstance(entry, _Kept) and entry.future is None:
                here[name] = entry.value
            else:
                there[name] = entry.future if isinstance(entry, _Kept) else entry
        if here:
            there |= workers.put(here)
        for name in here:
            entry = self._graph.get(name)
            if isinstance(entry, _Kept):
                entry.future, entry.value = there[name], None
        return tasks | there

    def _run_group(self, key: Key, task: Task, values: Mapping[Key, Any]) -> None:
        """Run a group's partitions one by one, as far as they may begin here."""
        settings, stage, partitions, shipment, *upstream = task.args
        running = partition_results(
            replace(settings, capture=False),
            stage,
            partitions,
            shipment,
            *(values[reference.key] for reference in upstream),
        )
        results: list[GroupResult] = []
        while len(results) < len(partitions) and self._begins(key, len(results)):
            results.append(next(running))
            self._partitions_done += 1
        if results:
            self._finished(self._cut(key, len(results) - 1), together(*results))

    def _begins(self, key: Key, place: int) -> bool:
        """Whether a task, or a partition of a group, may begin here; it counts as running from now on."""
        with self._lock:
            now = time.perf_counter()
            if now - self._began > _MOST_SECONDS:
                left = sum(len(_partitions(self._graph[each])) for each in self._left()) - place
                # The last one gains nothing from workers that it would have to wait for.
                self._stopped = self._stopped or left > 1
            if not self._stopped:
                self._running, self._last_began = (key, place), now
            return not self._stopped

    def _finished(self, name: Key, result: Any) -> None:
        with self._lock:
            self.done[name], self._running = result, None

    def _cut(self, key: Key, place: int) -> Key:
        """Make a task of its own of what comes behind a place in a group; return the name of what does not."""
        task = self._graph[key]
        if task.func is together:
            first: Key = task.args[0].key
            return first
        behind = _partitions(task)[place + 1 :]
        if not behind:
            return key
        here, rest = (f"{key[0]}-here", *key[1:]), (f"{key[0]}-rest", *key[1:])
        settings, stage, _, *others = task.args
        self._graph[rest] = Task(rest, run_group, settings, stage, behind, *others)
        self._graph[key] = Task(key, together, TaskRef(here), TaskRef(rest))
        return here

    def _value(self, name: Key) -> Any:
        return self.done[name] if name in self.done else self._graph[name].value

    def _left(self, wanted: Sequence[Key] | None = None) -> list[Key]:
        order: list[Key] = []
        seen: set[Key] = set()
        stack = [(key, False) for key in reversed(self._keys if wanted is None else wanted)]
        while stack:
            key, entered = stack.pop()
            if entered:
                order.append(key)
            elif not (key in seen or key in self.done or key in self.sent):
                seen.add(key)
                if isinstance(self._graph.get(key), Task):
                    stack.append((key, True))
                    stack.extend((name, False) for name in reversed(_read_by(self._graph[key])))
        return order

    def _free(self, awaited: set[Key]) -> list[Key]:
        waiting, free = set(awaited), list[Key]()
        for key in self._left():
            if key in waiting or waiting.intersection(_read_by(self._graph[key])):
                waiting.add(key)
            else:
                free.append(key)
        return free


def _read_by(node: Any) -> list[Key]:
    arguments = node.args if isinstance(node, Task) else ()
    return [argument.key for argument in arguments if isinstance(argument, TaskRef)]


def _partitions(node: Any) -> Sequence[int]:
    is_group = isinstance(node, Task) and node.func is run_group
    return node.args[2] if is_group else ()


def free_memory() -> int:
    """Return how many bytes this process may still take: of the machine or of its container, the less."""
    import psutil

    free = psutil.virtual_memory().available
    for group in _groups():
        # There is no such file, or no limit in it.
        with suppress(OSError, ValueError):
            limit = int((group / "memory.max").read_text())
            cached = re.search(r"^inactive_file (\d+)", (group / "memory.stat").read_text(), re.M)
            used = int((group / "memory.current").read_text()) - int(cached[1] if cached else 0)
            free = min(free, limit - used)
    return max(0, int(free))


def used_memory() -> int:
    """Return how many bytes of memory this process takes."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def _groups() -> list[Path]:
    """Folders of the control groups (version 2) that this process is in, itself and all above."""
    root = Path("/sys/fs/cgroup")
    try:
        own = Path("/proc/self/cgroup").read_text().rpartition("0::/")[2].strip()
    except OSError:
        return [root]
    group = root / own
    return [group, *(parent for parent in group.parents if parent.is_relative_to(root))]
