"""Runs: the processes of a job, what they did, and whether they are alive."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dtset.checkpoint.job import Program
from dtset.checkpoint.layout import is_fingerprint, run_path
from dtset.errors import StoreError
from dtset.storage.objects import ObjectStore
from dtset.storage.records import seal, unseal
from dtset.urls import redacted_arguments

__all__ = [
    "Heartbeat",
    "RunRecord",
    "begin_run",
    "end_run",
    "new_run_id",
    "note_all_events",
    "note_event",
    "processes_here",
    "read_events",
    "read_runs",
]

FORMAT = 2

_logger = logging.getLogger("dtset")


@dataclass(frozen=True)
class RunRecord:
    """A run as its records in the store tell of it.

    Parameters
    ----------
    run_id : str
        Which run of its job.
    started : float
        Seconds since the epoch.
    host, pid, process_started : str, int, str
        The driver's process; `process_started` tells it from a later one of the same number.
    processes : str
        What tells whether a process of this number can be seen from somewhere: the boot of the machine,
        and the container.
    program : Program
        How it was started.
    state : str
        ``running``, ``completed``, ``failed`` or ``interrupted``.
    """

    run_id: str
    started: float
    host: str
    pid: int
    process_started: str
    processes: str
    program: Program
    state: str = "running"


def new_run_id() -> str:
    """Make the ID of a run that begins: IDs sort by when their runs began."""
    return f"{time.time_ns() // 1_000_000:012x}{uuid.uuid4().hex[:20]}"


def begin_run(store: ObjectStore, job_id: str, run_id: str, program: Program) -> RunRecord:
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
        _process_started(pid),
        processes_here(),
        program,
    )
    store.put(run_path(job_id, run_id), seal({"format": FORMAT, **asdict(run)}), durable=True)
    return run


def end_run(store: ObjectStore, job_id: str, run_id: str, state: str) -> None:
    """Write how a run ended."""
    record = seal({"format": FORMAT, "state": state, "ended": time.time()})
    store.put(run_path(job_id, run_id, "end.json"), record)


def note_event(
    store: ObjectStore, job_id: str, run_id: str, number: int, event: Mapping[str, Any]
) -> None:
    """Write something that happened in a run: which data a persist found or made."""
    store.put(run_path(job_id, run_id, f"events-{number:06d}.jsonl"), seal(event))


def read_events(store: ObjectStore, job_id: str, run_id: str) -> list[dict[str, Any]]:
    """Read what happened in a run, in order."""
    names = {
        entry.path.rpartition("/")[2]: entry.path for entry in store.list(f"{job_id}/runs/{run_id}")
    }
    whole = unseal(store.get(names[_ALL_EVENTS])) if _ALL_EVENTS in names else None
    if whole is not None and isinstance(whole.get("events"), list):
        found = whole["events"]
    else:
        wanted = sorted(name for name in names if name.startswith("events-"))
        found = [unseal(store.get(names[name])) for name in wanted]
    return [event for event in found if _is_event(event)]


def note_all_events(
    store: ObjectStore, job_id: str, run_id: str, events: Sequence[Mapping[str, Any]]
) -> None:
    """Write all that happened in a run that ends, so that one read tells it."""
    store.put(run_path(job_id, run_id, _ALL_EVENTS), seal({"events": list(events)}))


_ALL_EVENTS = "events.json"
_COMMON = {"name": str, "place": int, "fingerprint": str}
_FIELDS: dict[str, dict[str, type]] = {
    "miss": {**_COMMON, "found": int, "partitions": int, "why": str},
    "persist": {**_COMMON, "hit": int},
}


def _is_event(event: Any) -> bool:
    """Whether an event is whole: notes of another version, or another hand, tell nothing."""
    fields = _FIELDS.get(event.get("event", "")) if isinstance(event, dict) else None
    return (
        fields is not None
        and all(isinstance(event.get(name), kind) for name, kind in fields.items())
        and is_fingerprint(event["fingerprint"])
    )


def read_runs(
    store: ObjectStore, job_id: str, timeout: float, *, ended: bool = True
) -> list[RunRecord]:
    """Read the runs of a job, the oldest first.

    Parameters
    ----------
    store : ObjectStore
        Where the job lies.
    job_id : str
        The job.
    timeout : float
        Seconds after which a run on another machine that has said nothing counts as interrupted.
    ended : bool
        Whether runs that have ended are wanted too.
    """
    paths = [entry.path for entry in store.list(f"{job_id}/runs")]
    names = {tuple(path.split("/")[-2:]) for path in paths}
    runs = []
    for run_id in {run_id for run_id, name in names if name == "run.json"}:
        has_ended = (run_id, "end.json") in names
        if has_ended and not ended:
            continue
        run = _read_run(store, job_id, run_id, ended=has_ended, timeout=timeout)
        if run is not None:
            runs.append(run)
    return sorted(runs, key=lambda run: run.started)


def _read_run(
    store: ObjectStore, job_id: str, run_id: str, *, ended: bool, timeout: float
) -> RunRecord | None:
    """Read a run; None if its record is torn."""
    record = unseal(store.get(run_path(job_id, run_id)))
    if record is None or record.pop("format", None) != FORMAT:
        return None
    try:
        run = RunRecord(**{**record, "program": Program.from_json(record["program"])})
    except (KeyError, TypeError):
        return None
    if ended:
        end = unseal(store.get(run_path(job_id, run_id, "end.json")))
        if end is not None:
            return RunRecord(**{**vars(run), "state": end["state"]})
    state = "running" if _is_alive(store, job_id, run, timeout) else "interrupted"
    return RunRecord(**{**vars(run), "state": state})


def _is_alive(store: ObjectStore, job_id: str, run: RunRecord, timeout: float) -> bool:
    """Whether a run that has not ended is alive: its process or, where that cannot be seen, its heartbeat."""
    if run.processes == processes_here():
        return bool(run.process_started) and _process_started(run.pid) == run.process_started
    try:
        beat = float(store.get(run_path(job_id, run.run_id, "beat")))
    except (FileNotFoundError, ValueError):
        beat = run.started
    return time.time() - beat < timeout


def _process_started(pid: int) -> str:
    """When a process was started, in the system's own unit; empty if there is none of this number."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return _process_started_elsewhere(pid)
    fields = stat.rpartition(")")[2].split()
    # A killed process whose parent has not yet asked for its status is a zombie: it runs no more.
    return "" if fields[0] in "ZX" else fields[19]


def _process_started_elsewhere(pid: int) -> str:
    """As `_process_started`, where there is no /proc."""
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


class Heartbeat:
    """Says every few seconds, from a thread of its own, that a run is alive.

    A beat that cannot be written is missed; what the run itself writes there fails loudly.
    """

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
        """Write beats until stopped."""
        while not self._stopped.wait(self._interval):
            try:
                self._store.put(self._path, repr(time.time()).encode())
            except StoreError as error:
                _logger.warning("the heartbeat of this run could not be written: %s", error)
