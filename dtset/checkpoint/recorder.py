"""The records of one run: that it began, that it is alive, what it persisted, how it ended."""

from __future__ import annotations

import logging
import time
from itertools import count
from typing import Any

from dtset.checkpoint.job import Job, Program, open_job, save_script
from dtset.checkpoint.layout import run_path
from dtset.checkpoint.runs import (
    Heartbeat,
    RunRecord,
    begin_run,
    end_run,
    note_all_events,
    note_event,
    processes_here,
    read_runs,
)
from dtset.errors import JobRunningError
from dtset.storage.objects import ObjectStore

__all__ = ["RunRecorder"]

_logger = logging.getLogger("dtset")


class RunRecorder:
    """Keeps the records of one run, from its beginning to its end.

    Parameters
    ----------
    store : ObjectStore
        Where they lie.
    job : Job
        The job; if it exists already, what its record says counts.
    run_id : str
        The run.
    program : Program
        How it was started.
    exclusive : bool
        Whether no other run of the job may be alive.
    interval, timeout : float
        Seconds between heartbeats, and seconds after which a run elsewhere counts as interrupted.
    recorded : bool
        Whether this is a run of the job. What a spawned process makes while it imports its parent's script is not:
        it is part of the parent's run, which is alive as long, and has no say in how the job ended or is restarted.

    Raises
    ------
    JobRunningError
        With `exclusive`: another run is alive.
    """

    def __init__(
        self,
        store: ObjectStore,
        job: Job,
        run_id: str,
        program: Program,
        *,
        exclusive: bool,
        interval: float,
        timeout: float,
        recorded: bool = True,
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._numbers = count()
        self._events: list[dict[str, Any]] = []
        self._timeout = timeout
        self._heartbeat: Heartbeat | None = None
        if not recorded:
            self.job = open_job(store, job)
            return
        self._greet(_alive(store, job.job_id, timeout), job.job_id, exclusive=exclusive)
        self.job = open_job(store, job)
        run = begin_run(store, job.job_id, run_id, save_script(store, job.job_id, program))
        if exclusive:
            # Two that begin at the same moment see nobody before, but both see both after.
            earlier = [
                each
                for each in _alive(store, job.job_id, timeout)
                if (each.started, each.run_id) < (run.started, run.run_id)
            ]
            if earlier:
                end_run(store, job.job_id, run_id, "failed")
                self._greet(earlier, job.job_id, exclusive=True)
        self._heartbeat = Heartbeat(store, job.job_id, run_id, interval)

    def others(self) -> list[RunRecord]:
        """Other runs of the job that are alive."""
        alive = _alive(self._store, self.job.job_id, self._timeout)
        return [run for run in alive if run.run_id != self._run_id]

    def note(self, **event: Any) -> None:
        """Write something that happened."""
        if self._heartbeat is None:
            return
        event["time"] = time.time()
        self._events.append(event)
        note_event(self._store, self.job.job_id, self._run_id, next(self._numbers), event)

    def end(self, state: str) -> None:
        """Write how the run ended, and remove what dies with it."""
        if self._heartbeat is None:
            return
        self._heartbeat.stop()
        self._store.delete(run_path(self.job.job_id, self._run_id, "sources"))
        if self._events:
            note_all_events(self._store, self.job.job_id, self._run_id, self._events)
        end_run(self._store, self.job.job_id, self._run_id, state)

    @staticmethod
    def _greet(others: list[RunRecord], job_id: str, *, exclusive: bool) -> None:
        """Say that other runs are alive."""
        if not others:
            return
        named = ", ".join(f"process {run.pid} on {run.host}" for run in others)
        message = f"another run of job {job_id} is alive: {named}"
        if exclusive:
            raise JobRunningError(f"{message}. Wait for it or stop it, or leave out exclusive=True")
        _logger.warning("%s. Both give right results; work may be done twice", message)


def _alive(store: ObjectStore, job_id: str, timeout: float) -> list[RunRecord]:
    """Runs of a job that are alive; that the others were interrupted is noted, so that nobody asks again."""
    runs = read_runs(store, job_id, timeout, ended=False)
    for run in runs:
        if run.state == "interrupted" and run.processes == processes_here():
            end_run(store, job_id, run.run_id, run.state)
    return [run for run in runs if run.state == "running"]
