"""Worker processes on this machine that end with the driver, and are started again where they end before it."""

from __future__ import annotations

import itertools
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

import dask.config
from dask.utils import format_bytes

from dtset.execution.schedulers.process_state import working_folder
from dtset.execution.schedulers.waiting import WorkersGoneError
from dtset.execution.workers import keeper
from dtset.execution.workers.left_folders import folder_prefix

if TYPE_CHECKING:
    from distributed import Client

    from dtset.execution.workers.driver_scheduler import DriverScheduler

# How often in a row a worker may end before it is up, and without having finished a task.
_STARTS = 3
_DEATHS = 20
# Bytes of a folder's path under which all sockets' paths have room: 107 on Linux.
_LONGEST_FOLDER = 90

# Seconds until a start that takes long is said, until it is said again, and until it is given up.
_PATIENCE = 10.0
_AGAIN = 30.0
_STARTING = 300.0
_CLOSING = 5.0
# What the keeper is told to say of workers that are ended for standing still.
_FULL = "full"

# Workers look for no modules in the working directory, where one may be called as a library's is: what is the
# user's reaches them by value. And the tracker of a killed process's resources is to remove them in silence.
_COMMAND = (sys.executable, "-P", "-W", "ignore:resource_tracker", "-m", keeper.__name__)

# What nannies tell libraries of their memory and threads; the user's environment, or configuration, wins.
_VARIABLES = {
    "MALLOC_TRIM_THRESHOLD_": 65536,
    "OMP_NUM_THREADS": 1,
    "MKL_NUM_THREADS": 1,
    "OPENBLAS_NUM_THREADS": 1,
}

_logger = logging.getLogger("dtset")


@dataclass
class _Worker:
    """A place for a worker process, and what became of those that were started there."""

    threads: int
    memory: int | None
    most_memory: int | None = None
    pid: int | None = None
    address: str | None = None
    started: int = 0
    starts: int = 0
    deaths: int = 0
    given_up: bool = False


class LocalProcesses:
    """Worker processes, the scheduler in this process that they work for, and the folder of their files.

    They talk over sockets in that folder, which nobody else may enter. All methods may be called from any
    thread, `close` while another thread is in `start`. An instance is a number of processes, threads and bytes of memory of each.
    """

    def __init__(self, instances: Sequence[tuple[int, int, int | None]]) -> None:
        # As they are now: by the time of the start, in another thread, the user's functions may have changed them.
        self._surroundings = working_folder(), dict(os.environ)
        kinds = ((cpu, memory) for count, cpu, memory in instances for _ in range(count))
        self._workers = {number: _Worker(*kind) for number, kind in enumerate(kinds)}
        # What is told of workers, under one lock; what is started and ended, under the other.
        self._state = threading.Condition()
        self._making = threading.RLock()
        self._made = ExitStack()
        self._keeper: _Keeper | None = None
        self._scheduler: DriverScheduler | None = None
        self._closed = False
        self.why_none: str | None = None
        self.last_end: str | None = None

    def start(self) -> Client:
        """Start all; return a client when all workers are up, or those that are not have been given up."""
        try:
            with self._making:
                self._check_open()
                self._make_folders()
                self._start_keeper()
            # Workers import what they need while this process does.
            from dtset.execution.workers.driver_scheduler import DriverScheduler, most_memory

            with self._making:
                self._check_open()
                self._scheduler = DriverScheduler(self._socket("scheduler"), self._folder, self)
                self._made.callback(self._scheduler.close, _CLOSING)
                client = self._scheduler.client()
                self._made.callback(client.close, _CLOSING)
                for number, worker in self._workers.items():
                    worker.most_memory = most_memory(worker.memory, worker.threads)
                    self._tell(number, "limit", worker.most_memory)
            with self._state:
                self._wait_until_decided()
                self._check_open()
                if self.why_none is not None:
                    raise WorkersGoneError(self.why_none)
            return client
        except BaseException:
            self.close()
            raise

    def _wait_until_decided(self) -> None:
        """Wait until it is known which workers there are; say what is waited for when that takes long."""
        for seconds in (_PATIENCE, *itertools.repeat(_AGAIN, round(_STARTING / _AGAIN))):
            if self._state.wait_for(self._is_decided, seconds):
                return
            missing = [number for number, each in self._workers.items() if not each.address]
            _logger.warning("waiting for worker processes to start: %s are not up", missing)
        self.why_none = f"worker processes {missing} did not start within {_STARTING:.0f} s"

    def close(self, timeout: float = 10.0) -> None:
        """End the processes, and remove their folder; a start that is under way ends with an error."""
        with self._state:
            self._closed = True
            self._state.notify_all()
        # First: whoever starts them has the lock.
        self._end_keeper(timeout)
        with self._making:
            self._made.close()

    # What the scheduler tells ---------------------------------------------------------------------

    def connected(self, name: int, address: str) -> None:
        """A worker is up."""
        with self._state:
            self._workers[name].address = address
            self._workers[name].starts = 0
            self._state.notify_all()

    def finished(self, address: str) -> None:
        """A worker has finished a task."""
        for worker in self._workers.values():
            if worker.address == address:
                worker.deaths = 0

    def stuck(self, address: str) -> None:
        """A worker has been too full for long to take any of the tasks that wait."""
        for number, worker in self._workers.items():
            if worker.address == address:
                self._tell(number, "kill", _FULL)

    # What the keeper tells ------------------------------------------------------------------------

    def _listen(self, keeper: _Keeper) -> None:
        """Follow what a keeper reports, to its end; where that fails, there will be no workers."""
        try:
            self._follow(keeper)
        except Exception as error:
            with self._state:
                self.why_none = f"worker processes cannot be kept: {error}"
                self._state.notify_all()
            keeper.close(_CLOSING)

    def _follow(self, keeper: _Keeper) -> None:
        for number, event, argument in keeper.reports():
            if event == "started":
                self._workers[number].pid = argument
            elif not self._closed:
                self._has_ended(number, argument)
                self._start_worker(number)
        keeper.close(_CLOSING)
        if not self._closed:
            self._keeper_has_ended()

    def _has_ended(self, number: int, how: str | int) -> None:
        """Note the end of a worker process; decide whether another is to be started."""
        worker = self._workers[number]
        if worker.address is not None and self._scheduler is not None:
            self._scheduler.remove(worker.address)
        with self._state:
            worker.address = worker.pid = None
            worker.deaths += 1
            worker.given_up = worker.starts >= _STARTS or worker.deaths >= _DEATHS
            self.last_end = f"worker process {number} {self._in_words(worker, how)}"
            if worker.given_up and all(each.given_up for each in self._workers.values()):
                self.why_none = f"worker processes ended again and again, and no other is started: {self.last_end}"
            self._state.notify_all()
        after = "is not started again" if worker.given_up else "is started again"
        _logger.warning("%s; it %s", self.last_end, after)

    @staticmethod
    def _in_words(worker: _Worker, how: str | int) -> str:
        if how == keeper.MEMORY:
            limit = "" if worker.most_memory is None else f" of {format_bytes(worker.most_memory)}"
            return f"was ended as it held more memory than its limit{limit}"
        if how == _FULL:
            return "was ended as its memory was too full to begin another task"
        if isinstance(how, int) and how < 0:
            known = {each.value: each.name for each in signal.Signals}
            return f"was ended by {known.get(-how, f'signal {-how}')}"
        return f"ended with status {how}"

    def _keeper_has_ended(self) -> None:
        """Start all again: workers end with their keeper."""
        keeper.end_sessions({each.pid for each in self._workers.values() if each.pid is not None})
        for number, worker in self._workers.items():
            if not worker.given_up:
                self._has_ended(number, -signal.SIGKILL)
        with self._making:
            if not self._closed and self.why_none is None:
                self._start_keeper()

    # Starting -------------------------------------------------------------------------------------

    def _make_folders(self) -> None:
        """Make a folder for the workers' files, and one for sockets if its path is too long for these."""
        self._folder = self._sockets = self._make_folder(None)
        if len(os.fsencode(self._folder)) > _LONGEST_FOLDER or ":" in self._folder:
            self._sockets = self._make_folder("/tmp")

    def _make_folder(self, where: str | None) -> str:
        folder = tempfile.mkdtemp(prefix=folder_prefix(), dir=where)
        self._made.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def _socket(self, name: str) -> str:
        return os.path.join(self._sockets, name)

    def _start_keeper(self) -> None:
        first = self._keeper is None
        self._keeper = keeper = _Keeper({self._folder, self._sockets}, *self._surroundings)
        if first:
            self._made.callback(self._end_keeper, _CLOSING)
        threading.Thread(
            target=self._listen, args=(keeper,), name="dtset-workers", daemon=True
        ).start()
        for number in self._workers:
            self._start_worker(number)

    def _end_keeper(self, timeout: float) -> None:
        if self._keeper is not None:
            self._keeper.close(timeout)

    def _start_worker(self, number: int) -> None:
        """Start a worker process, unless there is to be none."""
        worker = self._workers[number]
        if self._closed or worker.given_up:
            return
        worker.started += 1
        worker.starts += 1
        options = {
            "name": number,
            "nthreads": worker.threads,
            "host": self._socket(f"{number}-{worker.started}"),
            "local_directory": self._folder,
        }
        if worker.memory is not None:
            options["memory_limit"] = worker.memory
        arguments = {"scheduler": self._socket("scheduler"), "options": options}
        self._tell(number, "start", arguments)
        self._tell(number, "limit", worker.most_memory)

    def _tell(self, number: int, command: str, argument: object) -> None:
        if self._keeper is not None:
            self._keeper.tell(number, command, argument)

    def _is_decided(self) -> bool:
        up = all(each.address or each.given_up for each in self._workers.values())
        return self._closed or self.why_none is not None or up

    def _check_open(self) -> None:
        if self._closed:
            raise WorkersGoneError("the worker processes were closed")


class _Keeper:
    def __init__(
        self, folders: Iterable[str], working_folder: str | None, variables: Mapping[str, str]
    ) -> None:
        reports, told = os.pipe()
        try:
            self._process = subprocess.Popen(
                [*_COMMAND, str(os.getpid()), str(told), *folders],
                stdin=subprocess.PIPE,
                pass_fds=(told,),
                start_new_session=True,
                cwd=working_folder,
                env=_environment(next(iter(folders)), variables),
            )
        finally:
            os.close(told)
        self._commands = cast("IO[bytes]", self._process.stdin)
        self._reports = os.fdopen(reports)
        self._lock = threading.Lock()
        self._has_started = False

    def tell(self, number: int, command: str, argument: object) -> None:
        """Tell what to do with a worker; a keeper that has ended cannot be told."""
        line = json.dumps([number, command, argument]).encode()
        with self._lock, suppress(OSError, ValueError):
            self._commands.write(line + b"\n")
            self._commands.flush()

    def reports(self) -> Iterator[tuple[int, str, Any]]:
        with self._reports:
            for line in self._reports:
                number, event, argument = json.loads(line)
                self._has_started = True
                yield number, event, argument

    def close(self, timeout: float) -> None:
        """Let it end the workers, and itself."""
        if not self._has_started:
            # It imports, and would not hear; there are no workers yet, or they end with it.
            self._process.kill()
        with self._lock, suppress(OSError):
            self._commands.close()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _environment(folder: str, variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of workers: the driver's, with its Dask configuration."""
    ours = {
        "temporary-directory": folder,
        "distributed": {
            "logging": dict.fromkeys(
                ("distributed", "distributed.client", "distributed.gc", "tornado.application"),
                "critical",
            )
        },
    }
    configuration = dask.config.merge(dask.config.global_config, ours)
    asked = dask.config.get("distributed.nanny.pre-spawn-environ", None) or {}
    defaults = {name: str(value) for name, value in {**_VARIABLES, **asked}.items()}
    return {
        **defaults,
        **variables,
        "DASK_INTERNAL_INHERIT_CONFIG": dask.config.serialize(configuration),
    }
