"""The process that keeps the workers which dtset starts: none outlives the driver, or its memory limit.

It imports what workers need, once, and forks them in milliseconds. The driver says on its standard input what to
start or to kill, a JSON a line, and is told on another pipe of what has started or ended. The driver decides; the
keeper acts even when the driver was killed, or is held up.
"""

from __future__ import annotations

import gc
import json
import os
import select
import shutil
import signal
import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

# How the keeper calls the end of a worker that it killed for the memory it held.
MEMORY = "memory"

_INTERVAL = 0.1


@dataclass
class _Worker:
    """A started worker, the leader of a session of its own."""

    pid: int
    limit: int | None = None
    killed_for: str | None = None


class _Keeper:
    """The workers, and the pipe on which the driver is told of them."""

    def __init__(self, reports: int) -> None:
        self._reports = reports
        self._workers: dict[int, _Worker] = {}

    def obey(self, number: int, command: str, argument: Any) -> None:
        if command == "start":
            self._start(number, argument)
        elif worker := self._workers.get(number):
            if command == "limit":
                worker.limit = argument
            elif command == "kill":
                self._kill(worker, argument)

    def look(self) -> None:
        for number, worker in list(self._workers.items()):
            if (
                worker.limit is not None
                and not worker.killed_for
                and _resident(worker.pid) > worker.limit
            ):
                self._kill(worker, MEMORY)
            if _has_ended(worker.pid):
                # Its ID is its session's, and free for others once it is reaped.
                end_sessions({worker.pid})
                status = os.waitstatus_to_exitcode(os.waitpid(worker.pid, 0)[1])
                del self._workers[number]
                self._report(number, "ended", worker.killed_for or status)

    def end(self) -> None:
        end_sessions({worker.pid for worker in self._workers.values()})
        for worker in self._workers.values():
            os.waitpid(worker.pid, 0)

    def _start(self, number: int, arguments: Any) -> None:
        from dtset.execution.workers.worker_process import run

        keeper = os.getpid()
        pid = os.fork()
        if not pid:
            os.close(self._reports)
            run(keeper, **arguments)
        self._workers[number] = _Worker(pid)
        self._report(number, "started", pid)

    def _kill(self, worker: _Worker, why: str) -> None:
        worker.killed_for = why
        os.kill(worker.pid, signal.SIGKILL)

    def _report(self, number: int, event: str, argument: Any) -> None:
        os.write(self._reports, json.dumps([number, event, argument]).encode() + b"\n")


def end_sessions(leaders: Collection[int]) -> None:
    """Kill the processes of sessions, and what they started; trackers of resources clean up, and end by themselves."""
    family, killed = set(leaders), set[int]()
    # Again, until there is nobody new: what is killed second may have started others meanwhile.
    while True:
        processes = _processes()
        while more := {
            pid
            for pid, (parent, session) in processes.items()
            if pid not in family and (session in leaders or parent in family)
        }:
            family |= more
        if not (alive := (family & processes.keys()) - killed):
            return
        killed |= alive
        for pid in alive:
            if b"resource_tracker import main" not in _read(f"/proc/{pid}/cmdline"):
                try:
                    os.kill(pid, signal.SIGKILL)
                except (ProcessLookupError, PermissionError):
                    # It is gone, or runs as another user.
                    continue


def _processes() -> dict[int, tuple[int, int]]:
    """Parent and session of all processes, by their IDs."""
    found: dict[int, tuple[int, int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (fields := _read(f"/proc/{name}/stat").rpartition(b")")[2].split()):
            found[int(name)] = int(fields[1]), int(fields[3])
    return found


def _resident(pid: int) -> int:
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if fields else 0


def _read(path: str) -> bytes:
    """Content of a file about a process; empty if there is none any more."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


def _has_ended(pid: int) -> bool:
    """Whether a child has ended; it stays to be reaped."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def main(driver: int, reports: int, folders: list[str]) -> None:
    """Keep workers until the driver closes the pipe of its commands, or is gone."""
    import dtset.execution.workers.worker_process  # noqa: F401

    # What is there stays as it is: no worker is to make copies of it.
    gc.freeze()
    keeper = _Keeper(reports)
    commands = select.poll()
    commands.register(0, select.POLLIN)
    begun = b""
    try:
        # The pipe alone does not tell: what the driver forks holds it open.
        while os.getppid() == driver:
            if commands.poll(1000 * _INTERVAL):
                if not (read := os.read(0, 1 << 16)):
                    break
                *lines, begun = (begun + read).split(b"\n")
                for line in lines:
                    keeper.obey(*json.loads(line))
            keeper.look()
    except BrokenPipeError:
        # The driver reads no more: it is ending.
        pass
    finally:
        keeper.end()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
