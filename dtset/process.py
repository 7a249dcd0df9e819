"""How a process of a job was started, and how it ends."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dtset.checkpoint.job import Program
from dtset.settings import setting
from dtset.storage.local_store import local_path
from dtset.urls import shown_url

__all__ = [
    "IN_MEMORY",
    "BegunRun",
    "default_name",
    "how_to_restart",
    "job_id_of",
    "read_report",
    "report",
    "state_after",
    "submission",
    "this_program",
    "uncaught",
    "versions",
]

# What Linux calls a file that lies in memory alone.
IN_MEMORY = "/memfd:"


@dataclass(frozen=True)
class BegunRun:
    """A run that a script began, told to the command line that started the script.

    Parameters
    ----------
    job_id, run_id : str
        Which.
    store : str
        The URL of its store, with what is secret in it.
    """

    job_id: str
    run_id: str
    store: str = field(repr=False)


def submission() -> dict[str, Any]:
    """What the command line told this process, if it started it.

    A script that a submitted one starts in turn inherits the environment, but was told nothing.
    """
    told: dict[str, Any] = json.loads(os.environ.get("DTSET_SUBMITTED", "{}"))
    return told if _script() in (told.get("script"), told.get("runs")) else {}


def _script() -> str | None:
    """Absolute path of the script; None in a notebook or an interactive session."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return str(Path(file).resolve()) if file else None


def report(run: BegunRun) -> None:
    """Tell the command line that started this process, if one did, of a run that has begun."""
    path = os.environ.get("DTSET_REPORT")
    if path:
        if not os.path.realpath(path).startswith(IN_MEMORY):
            # Nothing secret is written to a disk.
            run = replace(run, store=shown_url(run.store))
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{json.dumps(asdict(run))}\n")


def read_report(path: Path) -> list[BegunRun]:
    """Read what a script has told of its runs."""
    if not path.exists():
        return []
    return [BegunRun(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def this_program(submitted: Mapping[str, Any]) -> Program:
    """How this process was started."""
    script = submitted.get("script") or _script()
    return Program(
        script=script,
        arguments=tuple(sys.argv[1:]) if script else (),
        folder=os.getcwd(),
        twister2=bool(submitted.get("twister2")),
        copy=submitted.get("copy"),
        cluster=submitted.get("cluster"),
        workers=submitted.get("workers"),
    )


def default_name(program: Program) -> str:
    """Name of a job that was given none: the script's, or its package's."""
    if program.script is None:
        return "python-job"
    script = Path(program.script)
    return script.parent.name if script.stem == "__main__" else script.stem


def job_id_of(name: str, random: str) -> str:
    """Job ID made of a name, with what job IDs may hold, and something random.

    Examples
    --------
    >>> job_id_of("my job", "7f3a")
    'my-job-7f3a'
    """
    kept = "".join(
        each if each.isascii() and (each.isalnum() or each in "_.-") else "-" for each in name
    )
    return f"{kept.replace('..', '-').strip('-.')[:120] or 'python-job'}-{random}"


def how_to_restart(program: Program, job_id: str, store: str) -> str:
    """Say how a job that an error ends is restarted, on this cluster or on another.

    Examples
    --------
    >>> how_to_restart(Program("/jobs/wc.py", (), "/jobs"), "wc-1", "s3://data/store")
    'What job wc-1 has committed stays: `dtset restart wc-1 --store s3://data/store` goes on from there'
    """
    configured = setting("store")
    options = () if store == shown_url(local_path(configured) or configured) else ("--store", store)
    how = f"`{shlex.join(['dtset', 'restart', job_id, *options])}` goes on from there"
    if program.script is None:
        how = f"run it again with TSetEnvironment(job_id={job_id!r})"
    return f"What job {job_id} has committed stays: {how}"


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that data depend on."""
    found = {each: version(each) for each in ("dask", "numpy", "numcodecs")}
    return {"python": platform.python_version(), **found}


def uncaught(program: Program) -> BaseException | None:
    """The exception that is ending a script; an interactive session outlives those of its inputs."""
    return None if program.script is None else getattr(sys, "last_value", None)


def state_after(error: BaseException | None) -> str:
    """State of a run that ended with an exception, or without.

    Examples
    --------
    >>> state_after(None), state_after(ValueError())
    ('completed', 'failed')
    """
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return "completed"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
