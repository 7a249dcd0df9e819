"""Jobs: what survives restarts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dtset.checkpoint.layout import check_job_id, job_path
from dtset.errors import CorruptCheckpointError, JobNotFoundError
from dtset.storage.objects import ObjectStore
from dtset.storage.records import seal, unseal

__all__ = ["FORMAT", "Job", "Program", "find_job", "job_ids", "open_job", "read_job", "save_script"]

FORMAT = 1


@dataclass(frozen=True)
class Program:
    """How a run was started, so that it can be started again.

    Parameters
    ----------
    script : str or None
        Absolute path of the script; None in a notebook or an interactive session.
    arguments : sequence of str
        Its arguments; in a record, without what is secret in them.
    folder : str
        The working directory.
    copy : str or None
        Path, in the store, of the copy of the script as it was run.
    twister2 : bool
        Whether Twister2's imports resolve to dtset.
    cluster, workers : str or int or None
        What the command line said of where to run.
    withheld : bool
        Whether something secret is left out of them, so that they cannot be given again.
    """

    script: str | None
    arguments: Sequence[str]
    folder: str
    copy: str | None = None
    twister2: bool = False
    cluster: str | None = None
    workers: int | None = None
    withheld: bool = False

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Program:
        """Read what ``asdict`` gave."""
        return cls(**{**record, "arguments": tuple(record["arguments"])})


@dataclass(frozen=True)
class Job:
    """A job: its name, and what restarts keep.

    Parameters
    ----------
    job_id, name : str
        How it is called.
    parallelism : int
        Default number of partitions of its sources.
    created : float
        Seconds since the epoch.
    versions : dict of str to str
        Versions of Python and of the libraries that data depend on.
    """

    job_id: str
    name: str
    parallelism: int
    created: float
    versions: dict[str, str]


def find_job(store: ObjectStore, job_id: str) -> Job | None:
    """Find a job; None if there is none of this ID."""
    path = job_path(check_job_id(job_id))
    try:
        record = unseal(store.get(path))
    except FileNotFoundError:
        return None
    if record is None or record.pop("format", None) != FORMAT:
        raise CorruptCheckpointError(
            f"{store.url}/{path}: expected the record of job {job_id} in format {FORMAT}, found another or a torn one. "
            "Nothing was changed; if no run of this job is alive, remove the object and start the job again"
        )
    return Job(**record)


def read_job(store: ObjectStore, job_id: str) -> Job:
    """Read a job.

    Raises
    ------
    JobNotFoundError
        There is none of this ID.
    """
    job = find_job(store, job_id)
    if job is None:
        raise JobNotFoundError(
            f"no job {job_id} in the store {store.url}: `dtset jobs` lists those there are, "
            "and --store URL looks into another store"
        )
    return job


def open_job(store: ObjectStore, job: Job) -> Job:
    """Write the record of a job that is new; return the one that counts."""
    found = find_job(store, job.job_id)
    if found is not None:
        return found
    record = seal({"format": FORMAT, **asdict(job)})
    if store.create(job_path(job.job_id), record):
        return job
    return read_job(store, job.job_id)


def job_ids(store: ObjectStore) -> list[str]:
    """IDs of all jobs in a store."""
    ids = (entry.path.split("/") for entry in store.list(""))
    return sorted(parts[0] for parts in ids if len(parts) == 2 and parts[1] == "job.json")


def save_script(store: ObjectStore, job_id: str, program: Program) -> Program:
    """Keep a copy of the script as it is now; return the program with the copy's path."""
    if program.script is None or program.copy is not None:
        return program
    try:
        source = Path(program.script).read_bytes()
    except OSError:
        # The process may have been started from a file that is gone: it can still run, without a copy.
        return program
    path = f"{job_id}/script/{hashlib.sha256(source).hexdigest()[:16]}/{Path(program.script).name}"
    store.create(path, source)
    return replace(program, copy=path)
