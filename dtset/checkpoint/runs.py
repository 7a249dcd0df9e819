"""Runs: the processes of a job, what they did, and whether they are alive."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dtset.checkpoint.job import Job, Program
from dtset.checkpoint.layout import is_version, run_path
from dtset.checkpoint.placed import find_note, placed
from dtset.errors import StoreError
from dtset.storage.objects import ObjectStore
from dtset.urls import redacted_arguments

_logger = logging.getLogger("dtset")


@dataclass(frozen=True)
class RunRecord:
    """A run as its records in the store tell of it.

    Where its `processes` are the same, its process can be seen; `process_started` tells that from a later one of the same number.
    The `job` is what the job's own record says, so that it can be written again.
    """

    run_id: str
    started: float
    host: str
    pid: int
    process_started: str
    processes: str
    program: Program
    job: Job
    state: str = "running"


def new_run_id() -> str:
    """Make the ID of a run that begins: IDs sort by when their runs began."""
    return f"{time.time_ns() // 1_000_000:012x}{uuid.uuid4().hex[:20]}"


def begin_run(store: ObjectStore, job: Job, run_id: str, program: Program) -> RunRecord:
    """Write the record of a run that begins; it is there before the run reads any manifest."""
    pid = os.getpid()
    command = redacted_arguments(program.command)
    withheld = command != tuple(program.command)
    program = replace(program, command=command, withheld=withheld)
    run = RunRecord(
        run_id,
        time.time(),
        socket.gethostname(),
        pid,
        process_started(pid),
        processes_here(),
        program,
        job,
    )
    path = run_path(job.job_id, run_id)
    store.put(path, placed(path, asdict(run)), durable=True)
    return run


def end_run(store: ObjectStore, job_id: str, run_id: str, state: str) -> None:
    """Write how a run ended."""
    path = run_path(job_id, run_id, "end.json")
    store.put(path, placed(path, {"state": state, "ended": time.time()}))


def note_event(
    store: ObjectStore, job_id: str, run_id: str, number: int, event: Mapping[str, Any]
) -> None:
    """Write something that happened in a run: which data a persist found or made."""
    path = run_path(job_id, run_id, f"events-{number:06d}.jsonl")
    store.put(path, placed(path, event))


def read_events(store: ObjectStore, job_id: str, run_id: str) -> list[dict[str, Any]]:
    """Read what happened in a run, in order."""
    names = {
        entry.path.rpartition("/")[2]: entry.path for entry in store.list(f"{job_id}/runs/{run_id}")
    }
    whole = find_note(store, names[_ALL_EVENTS]) if _ALL_EVENTS in names else None
    if whole is not None and isinstance(whole.get("events"), list):
        found = whole["events"]
    else:
        wanted = sorted(name for name in names if name.startswith("events-"))
        found = [find_note(store, names[name]) for name in wanted]
    return [event for event in found if _is_event(event)]


def note_all_events(
    store: ObjectStore, job_id: str, run_id: str, events: Sequence[Mapping[str, Any]]
) -> None:
    """Write all that happened in a run that ends, so that one read tells it."""
    path = run_path(job_id, run_id, _ALL_EVENTS)
    store.put(path, placed(path, {"events": list(events)}))


_ALL_EVENTS = "events.json"
_COMMON = {"name": str, "place": int, "version": str}
_FIELDS: dict[str, dict[str, type]] = {
    "miss": {**_COMMON, "found": int, "taken": int, "partitions": int, "why": str},
    "persist": {**_COMMON, "hit": int},
}


def _is_event(event: Any) -> bool:
    """Whether an event is whole: notes of another version, or another hand, tell nothing."""
    fields = _FIELDS.get(event.get("event", "")) if isinstance(event, dict) else None
    return (
        fields is not None
        and all(isinstance(event.get(name), kind) for name, kind in fields.items())
        and is_version(event["version"])
    )


def list_runs(store: ObjectStore, job_id: str) -> dict[str, set[str]]:
    """Names of the objects that there are of each run of a job, below the run's folder."""
    listed: dict[str, set[str]] = {}
    for entry in store.list(f"{job_id}/runs"):
        run_id, _, name = entry.path.removeprefix(f"{job_id}/runs/").partition("/")
        listed.setdefault(run_id, set()).add(name)
    return listed


def read_runs(
    store: ObjectStore,
    job_id: str,
    timeout: float,
    *,
    ended: bool = True,
    listed: Mapping[str, Collection[str]] | None = None,
) -> list[RunRecord]:
    """Read the runs of a job, the oldest first.

    One on another machine that has said nothing for `timeout` seconds counts as interrupted. `listed` is what `list_runs` gave.
    """
    runs = []
    for run_id, names in (list_runs(store, job_id) if listed is None else listed).items():
        has_ended = "end.json" in names
        if "run.json" not in names or (has_ended and not ended):
            continue
        run = _read_run(store, job_id, run_id, ended=has_ended, timeout=timeout)
        if run is not None:
            runs.append(run)
    return sorted(runs, key=lambda run: run.started)


def _read_run(
    store: ObjectStore, job_id: str, run_id: str, *, ended: bool, timeout: float
) -> RunRecord | None:
    record = find_note(store, run_path(job_id, run_id))
    if record is None:
        return None
    try:
        program, job = Program.from_json(record["program"]), Job(**record["job"])
        run = RunRecord(**{**record, "program": program, "job": job})
    except (KeyError, TypeError):
        return None
    if ended:
        end = find_note(store, run_path(job_id, run_id, "end.json"))
        if end is not None:
            return replace(run, state=end["state"])
    return run if _is_alive(store, job_id, run, timeout) else replace(run, state="interrupted")


def _is_alive(store: ObjectStore, job_id: str, run: RunRecord, timeout: float) -> bool:
    """Whether a run that has not ended is alive: its process or, where that cannot be seen, its heartbeat."""
    if run.processes == processes_here():
        return bool(run.process_started) and process_started(run.pid) == run.process_started
    beat = find_note(store, run_path(job_id, run.run_id, "beat"))
    last: float = run.started if beat is None else beat["at"]
    return time.time() - last < timeout


class Heartbeat:
    """Says every few seconds, from a thread of its own, that a run is alive; a beat that cannot be written is missed."""

    def __init__(self, store: ObjectStore, job_id: str, run_id: str, interval: float) -> None:
        self._store = store
        self._path = run_path(job_id, run_id, "beat")
        self._interval = interval
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="dtset-heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the heartbeat."""
        self._stopped.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stopped.wait(self._interval):
            try:
                self._store.put(self._path, placed(self._path, {"at": time.time()}))
            except StoreError as error:
                _logger.warning("the heartbeat of this run could not be written: %s", error)


def process_started(pid: int) -> str:
    """When a process was started, in the system's own unit; empty if there is none of this number."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return _process_started_elsewhere(pid)
    fields = stat.rpartition(")")[2].split()
    # A killed process whose parent has not yet asked for its status is a zombie: it runs no more.
    return "" if fields[0] in "ZX" else fields[19]


def _process_started_elsewhere(pid: int) -> str:
    """As `process_started`, where there is no /proc."""
    import psutil

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.Error:
        return ""


def processes_here() -> str:
    """What tells the processes that can be seen from here from those of other machines and containers."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()
