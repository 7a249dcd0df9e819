"""Jobs: what survives restarts."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dtset.checkpoint.layout import check_job_id, job_path, run_path
from dtset.checkpoint.placed import FORMAT, find_note, find_whole, placed
from dtset.errors import CorruptCheckpointError, JobNotFoundError, ReadOnlyStoreError, StoreError
from dtset.storage.objects import ObjectStore

_logger = logging.getLogger("dtset")


@dataclass(frozen=True)
class Program:
    """How a run was started, so that it can be started again.

    The `command` is what followed the interpreter's name: empty in a session, beginning with ``-`` for standard input. The
    `script` is the absolute path of the file that runs, if an argument is its path; `copy` is the path of its copy in the
    store. What is secret is left out of a record, and it is `withheld` then, so that it cannot be started again.
    """

    command: Sequence[str]
    folder: str
    script: str | None = None
    copy: str | None = None
    twister2: bool = False
    cluster: str | None = None
    workers: int | None = None
    withheld: bool = False

    @property
    def position(self) -> int | None:
        """Which argument of the command is the script's path."""
        paths = (os.path.join(self.folder, each) for each in self.command)
        return next((place for place, path in enumerate(paths) if path == self.script), None)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Program:
        """Read what ``asdict`` gave."""
        return cls(**{**record, "command": tuple(record["command"])})


@dataclass(frozen=True)
class Job:
    """A job: its name, and what restarts keep."""

    job_id: str
    name: str
    parallelism: int
    created: float
    versions: dict[str, str]


def find_job(store: ObjectStore, job_id: str) -> Job | None:
    """Find a job; None if there is none of this ID.

    Where its record is torn, gone or another job's, the last run's record tells what it said; one of another format is an error.
    """
    recorded = _recorded(store, check_job_id(job_id))
    return _told_by_runs(store, job_id) if recorded is None else recorded


def _recorded(store: ObjectStore, job_id: str) -> Job | None:
    path = job_path(job_id)
    record = find_whole(store, path)
    if record is None:
        return None
    if record.pop("format", None) != FORMAT:
        raise CorruptCheckpointError(
            f"{store.url}/{path}: expected the record of job {job_id} in format {FORMAT}, found another, as another "
            "version of dtset writes it. Nothing was changed: give another job ID, or remove the job's folder and start "
            "it again"
        )
    return Job(**record) if record.pop("path", None) == path else None


def _told_by_runs(store: ObjectStore, job_id: str) -> Job | None:
    """A job as the last of its runs with a whole record tells of it."""
    # IDs of runs sort by when the runs began.
    for run_id in sorted(store.folders(f"{job_id}/runs"), reverse=True):
        record = find_note(store, run_path(job_id, run_id))
        if record is not None:
            return Job(**record["job"])
    return None


def read_job(store: ObjectStore, job_id: str) -> Job:
    """Read a job."""
    job = find_job(store, job_id)
    if job is None:
        raise JobNotFoundError(
            f"no job {job_id} in the store {store.url}: `dtset jobs` lists those there are, "
            "and --store URL looks into another store"
        )
    return job


def open_job(store: ObjectStore, job: Job) -> Job:
    """Write the record of a job unless it is there; return the one that counts."""
    recorded = _recorded(store, job.job_id)
    if recorded is not None:
        return recorded
    told = _told_by_runs(store, job.job_id)
    path, counts = job_path(job.job_id), told or job
    record = placed(path, asdict(counts))
    created = store.create(path, record)
    if not created:
        recorded = _recorded(store, job.job_id)
        if recorded is not None:
            # Another run that began at the same moment was first.
            return recorded
        store.put(path, record, durable=True)
    if told is not None or not created:
        source = "an earlier run" if told is not None else "this run"
        _logger.warning(
            "the record of job %s was torn, gone or another job's, and was written again as %s tells of it: "
            "parallelism %s",
            job.job_id,
            source,
            counts.parallelism,
        )
    return counts


def check_job(store: ObjectStore, job_id: str) -> None:
    """Raise StoreError if the record of a job is gone: nobody would find what is written without it."""
    path = job_path(job_id)
    try:
        store.get(path)
    except FileNotFoundError:
        raise StoreError(
            f"{store.url}/{path} is gone since the run began: something removes objects from the store. "
            f"Stop it, and restart job {job_id}"
        ) from None


def kept_block_size(store: ObjectStore, job_id: str, names: Sequence[str], usual: int) -> int:
    """Return the block size by which a job cut some files when it first read them: the usual one, if it does now."""
    named = hashlib.sha256("\n".join(names).encode("utf-8", "surrogatepass")).hexdigest()
    path = f"{job_id}/blocks/{named[:32]}.json"
    with suppress(ReadOnlyStoreError):
        if store.create(path, placed(path, {"block_size": usual})):
            return usual
    record = find_note(store, path)
    return usual if record is None else int(record["block_size"])


def save_script(store: ObjectStore, job_id: str, program: Program) -> Program:
    """Keep a copy of the script as it is now; return the program with the copy's path."""
    if program.script is None or program.copy is not None:
        return program
    try:
        source = Path(program.script).read_bytes()
    except OSError:
        # A folder, or a file that is gone since it was started: the program can still run, without a copy.
        return program
    path = f"{job_id}/script/{hashlib.sha256(source).hexdigest()[:16]}/{Path(program.script).name}"
    store.create(path, source)
    return replace(program, copy=path)
