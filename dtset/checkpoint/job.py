"""Jobs: what survives restarts."""

from __future__ import annotations

import hashlib
import os
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
    command : sequence of str
        What followed the interpreter's name: its options, a script or ``-m MODULE`` or ``-c CODE``, and
        arguments. Empty in a notebook or an interactive session; begins with ``-`` for standard input.
        In a record, without what is secret in it.
    folder : str
        The working directory it was started in.
    script : str or None
        Absolute path of the file that runs, if an argument of the command is its path.
    copy : str or None
        Path, in the store, of the copy of that file as it was run.
    twister2 : bool
        Whether Twister2's imports resolve to dtset.
    cluster, workers : str or int or None
        What the command line said of where to run.
    withheld : bool
        Whether something secret is left out of the command, so that it cannot be given again.

    Examples
    --------
    >>> Program(("-m", "cProfile", "wc.py", "20"), "/jobs", "/jobs/wc.py").position
    2
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
        # A folder, or a file that is gone since it was started: the program can still run, without a copy.
        return program
    path = f"{job_id}/script/{hashlib.sha256(source).hexdigest()[:16]}/{Path(program.script).name}"
    store.create(path, source)
    return replace(program, copy=path)
