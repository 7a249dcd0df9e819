"""The records of one run: that it began, that it is alive, what it persisted and why, how it ended."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from dtset.checkpoint import runs as run_records
from dtset.checkpoint.explain import Missed, Reason, explained, write_lineage
from dtset.checkpoint.history import History
from dtset.checkpoint.job import Job, Program, find_job, open_job, save_script
from dtset.checkpoint.layout import job_path, run_path
from dtset.checkpoint.manifest import Manifest
from dtset.checkpoint.runs import RunRecord, processes_here
from dtset.errors import JobRunningError, ReadOnlyStoreError, StoreError
from dtset.storage.objects import ObjectStore, check_writable

# What there is of a run that began after another had died, until it completes.
_AFTER_DEATH = "after-death"
# Folders of a run that die with it.
_MORTAL = {"sources", "exchange"}

_logger = logging.getLogger("dtset")


class RunRecorder:
    """Keeps the records of one run, from its beginning to its end.

    In a store that one may only read there are none, if it has the job; that is said once. With `exclusive`, another run
    of the job that is alive is an error; one elsewhere that has said nothing for `timeout` seconds counts as interrupted.
    What is not `recorded`, as what a spawned process makes while it imports its parent's script, is part of another run.
    When it began, there were of each run of the job the objects in `runs`; one `has_died` if it ended without a word, and none has
    completed since.
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
        self._job_id = job.job_id
        self._run_id = run_id
        self._numbers = count()
        self._events: list[dict[str, Any]] = []
        self._timeout = timeout
        self._refused: ReadOnlyStoreError | None = None
        self._probed = False
        self._heartbeat: run_records.Heartbeat | None = None
        self.runs = run_records.list_runs(store, job.job_id)
        self.has_died = False
        if not recorded:
            open_job(store, job)
            return
        unfinished = self._unfinished(self.runs)
        last = self.runs[max(self.runs)] if self.runs else ()
        self.has_died = _AFTER_DEATH in last or any(
            run.state == "interrupted" for run in unfinished
        )
        self._greet(_running(unfinished), exclusive=exclusive)
        try:
            self._clean_up(unfinished)
            self._begin(job, program, exclusive=exclusive)
        except ReadOnlyStoreError as error:
            if find_job(store, job.job_id) is None:
                raise
            self._refused = error
            _logger.warning(
                "this run of job %s is not recorded, as its store may only be read (%s): what the job has persisted is "
                "found, and nothing else can be persisted or committed",
                job.job_id,
                error,
            )
        else:
            self._heartbeat = run_records.Heartbeat(store, job.job_id, run_id, interval)

    def _begin(self, job: Job, program: Program, *, exclusive: bool) -> None:
        counts = open_job(self._store, job)
        program = save_script(self._store, self._job_id, program)
        run = run_records.begin_run(self._store, counts, self._run_id, program)
        if self.has_died:
            self._store.put(run_path(self._job_id, self._run_id, _AFTER_DEATH), b"")
        if exclusive:
            # Two that begin at the same moment see nobody before, but both see both after.
            alive = self._alive()
            this = (run.started, run.run_id)
            earlier = [each for each in alive if (each.started, each.run_id) < this]
            if earlier:
                run_records.end_run(self._store, self._job_id, self._run_id, "failed")
                self._greet(earlier, exclusive=True)

    def _unfinished(self, runs: Mapping[str, Collection[str]]) -> list[RunRecord]:
        return run_records.read_runs(
            self._store, self._job_id, self._timeout, ended=False, listed=runs
        )

    def _clean_up(self, unfinished: Sequence[RunRecord]) -> None:
        """Note which runs were interrupted, so that nobody asks again, and remove what dies with a run.

        A run elsewhere that says nothing any more may only be cut off.
        """
        gone = (run for run in unfinished if run.state == "interrupted")
        dead = {run.run_id for run in gone if run.processes == processes_here()}
        for run_id in dead:
            run_records.end_run(self._store, self._job_id, run_id, "interrupted")
        for run_id, names in self.runs.items():
            if run_id in dead or "end.json" in names:
                for folder in {name.partition("/")[0] for name in names} & _MORTAL:
                    self._store.delete(run_path(self._job_id, run_id, folder))

    @property
    def record(self) -> str:
        """Path of a record that is seen by whoever sees the store: this run's, if there is one."""
        runs = [self._run_id]
        if self._heartbeat is None:
            runs = sorted(run_id for run_id, names in self.runs.items() if "run.json" in names)
        return run_path(self._job_id, runs[-1]) if runs else job_path(self._job_id)

    def check_writable(self) -> None:
        """Raise StoreError unless what is about to be computed can be written."""
        if self._refused is not None:
            raise ReadOnlyStoreError(
                f"job {self._job_id} has to compute what it has not persisted, and its store may only be read, so that "
                f"nothing was computed: {self._refused}"
            )
        if not self._probed:
            check_writable(self._store)
            self._probed = True

    def others(self) -> list[RunRecord]:
        """Other runs of the job that are alive."""
        return [run for run in self._alive() if run.run_id != self._run_id]

    def _alive(self) -> list[RunRecord]:
        return _running(self._unfinished(run_records.list_runs(self._store, self._job_id)))

    def note(self, **event: Any) -> None:
        """Write something that happened."""
        if self._heartbeat is not None:
            event["time"] = time.time()
            self._events.append(event)
            run_records.note_event(
                self._store, self._job_id, self._run_id, next(self._numbers), event
            )

    def end(self, state: str) -> None:
        """Write how the run ended, and remove what dies with it."""
        if self._heartbeat is None:
            return
        self._heartbeat.stop()
        for folder in _MORTAL:
            self._store.delete(run_path(self._job_id, self._run_id, folder))
        if self._events:
            run_records.note_all_events(self._store, self._job_id, self._run_id, self._events)
        if self.has_died and state == "completed":
            self._store.delete(run_path(self._job_id, self._run_id, _AFTER_DEATH))
        run_records.end_run(self._store, self._job_id, self._run_id, state)

    def _greet(self, others: Sequence[RunRecord], *, exclusive: bool) -> None:
        if not others:
            return
        here = (os.getpid(), processes_here())
        own = all((run.pid, run.processes) == here for run in others)
        named = ", ".join(f"process {run.pid} on {run.host}" for run in others)
        whose = f"an earlier environment of this process, {os.getpid()}" if own else named
        message = f"another run of job {self._job_id} is alive: {whose}"
        way_out = "close() it first" if own else "Wait for it or stop it"
        if exclusive:
            raise JobRunningError(f"{message}. {way_out}, or leave out exclusive=True")
        way_out = f". {way_out}" if own else ""
        _logger.warning("%s%s. Both give right results; work may be done twice", message, way_out)


def _running(runs: Iterable[RunRecord]) -> list[RunRecord]:
    return [run for run in runs if run.state == "running"]


@dataclass(eq=False)
class Journal:
    """Notes what becomes of each persist of a run, and explains it by what came before."""

    store: ObjectStore
    job_id: str
    run_id: str
    note: Callable[..., None]
    _history: History = field(init=False)

    def __post_init__(self) -> None:
        self._history = History(self.store, self.job_id, self.run_id)

    def reason(self, missed: Missed, ahead: int = 0) -> Reason:
        """Why a TSet has to be computed; `ahead` persists are to be run before it."""
        pasts = self._history.predecessors(missed.name, self._history.place + ahead)
        try:
            return explained(self.store, self.job_id, missed, pasts)
        except StoreError as error:
            # Only words hang on it: what the run itself reads and writes there fails loudly.
            _logger.warning("why %s has to be computed cannot be told: %s", missed.name, error)
            return Reason("what it was made from before cannot be read")

    def missed(self, missed: Missed) -> Reason:
        """Note that a TSet is about to be computed, and keep what it is made from; return why."""
        reason = self.reason(missed)
        write_lineage(self.store, self.job_id, missed.version, self.run_id, missed.lineage)
        self.note(
            event="miss",
            name=missed.name,
            place=self._history.begin(missed.name, missed.version),
            version=missed.version,
            found=missed.found,
            taken=missed.taken,
            partitions=missed.partitions,
            why=reason.words,
        )
        return reason

    def persisted(
        self, manifest: Manifest, hit: bool | int, *, accepted: bool, seconds: float
    ) -> None:
        """Note that a TSet is there: found, or computed."""
        self.note(
            event="persist",
            name=manifest.name,
            place=self._history.note(manifest.name, manifest.version),
            version=manifest.version,
            hit=hit,
            accepted=accepted,
            seconds=round(seconds, 6),
        )

    def committed(self, name_or_place: str | int) -> Manifest | None:
        """Find the last committed TSet of a name, or of a place in its run."""
        return self._history.committed(name_or_place)
