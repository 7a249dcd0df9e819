"""Running a script as a job, in a process of its own."""

from __future__ import annotations

import json
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dtset.errors import StoreError
from dtset.urls import redacted_arguments, shown_url

if TYPE_CHECKING:
    from dtset.process import BegunRun

__all__ = ["Launch", "run"]


@dataclass(frozen=True)
class Launch:
    """A script to be run as a job.

    Parameters
    ----------
    job_id, name : str
        The job.
    script : str
        Absolute path of the script, as it is recorded.
    arguments : sequence of str
        The script's.
    folder : str
        The working directory.
    store : str or None
        URL or absolute path of the store; None: the setting's.
    twister2 : bool
        Whether Twister2's imports resolve to dtset.
    cluster, workers : str or int or None
        Where to run.
    keep_variables : bool or None
        What to do with driver state that a changed program committed.
    copy : str or None
        File with the copy of the script that is run in its place.
    stored_copy : str or None
        Where in the store that copy lies.

    Examples
    --------
    >>> launch = Launch("wc-1", "wc", "/jobs/wc.py", ("--top", "20"), "/jobs")
    >>> launch.command[1:]
    ['/jobs/wc.py', '--top', '20']
    """

    job_id: str
    name: str
    script: str
    arguments: Sequence[str]
    folder: str
    store: str | None = None
    twister2: bool = False
    cluster: str | None = None
    workers: int | None = None
    keep_variables: bool | None = None
    copy: str | None = None
    stored_copy: str | None = None

    @property
    def command(self) -> list[str]:
        """What is executed."""
        if self.copy is None:
            return [sys.executable, self.script, *self.arguments]
        # -P: the copy's own folder does not come first in sys.path; the script's does, as PYTHONPATH.
        return [sys.executable, "-P", self.copy, *self.arguments]

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Environment of the process.

        Examples
        --------
        >>> launch = Launch("wc-1", "wc", "/jobs/wc.py", (), "/jobs", workers=2)
        >>> json.loads(launch.environment({})["DTSET_SUBMITTED"])["workers"]
        2
        """
        submitted = {
            "name": self.name,
            "script": self.script,
            "runs": self.script if self.copy is None else self.copy,
            "copy": self.stored_copy,
            "twister2": self.twister2,
            "cluster": self.cluster,
            "workers": self.workers,
            "keep_variables": self.keep_variables,
            "banner": True,
        }
        environment = {
            **inherited,
            "DTSET_JOB_ID": self.job_id,
            "DTSET_SUBMITTED": json.dumps(submitted),
        }
        if self.store is not None:
            environment["DASK_DTSET__STORE"] = self.store
        path = [*self._import_folders(), *filter(None, [inherited.get("PYTHONPATH")])]
        return {**environment, "PYTHONPATH": os.pathsep.join(path)} if path else environment

    def _import_folders(self) -> list[str]:
        """Folders that come first where modules are looked for."""
        from dtset.twister2 import SHIM

        beside = [os.path.dirname(self.script)] if self.copy is not None else []
        return [*beside, *([str(SHIM)] if self.twister2 else [])]


def run(launch: Launch) -> int:
    """Run a script as a job; if it fails, say how to restart it.

    Parameters
    ----------
    launch : Launch
        What to run.

    Returns
    -------
    int
        The exit status to pass on: the script's, or 128 and the number of the signal that killed it.
    """
    from dtset.cli.child import run_child
    from dtset.process import read_report

    with _report_file() as report:
        environment = launch.environment({**os.environ, "DTSET_REPORT": str(report)})
        status = run_child(launch.command, launch.folder, environment)
        if status != 0:
            _after_failure(launch, status, read_report(report))
    return status if status >= 0 else 128 - status


@contextmanager
def _report_file() -> Iterator[Path]:
    """Where a script tells of its runs: in memory, where there are such files, as a store's URL may hold a password."""
    from dtset.execution.left_folders import folder_prefix

    with tempfile.TemporaryDirectory(prefix=folder_prefix()) as folder:
        path = Path(folder) / "runs"
        if not hasattr(os, "memfd_create"):
            yield path
            return
        in_memory = os.memfd_create("dtset-runs")
        try:
            path.symlink_to(f"/proc/{os.getpid()}/fd/{in_memory}")
            yield path
        finally:
            os.close(in_memory)


def _after_failure(launch: Launch, status: int, begun: Sequence[BegunRun]) -> None:
    """Make the records of a failed script's runs say so, and say how to restart its jobs."""
    from dtset.checkpoint.runs import end_run
    from dtset.cli.options import is_configured
    from dtset.storage.objects import open_store

    for run in begun:
        if status > 0:
            try:
                end_run(open_store(run.store, create=False), run.job_id, run.run_id, "failed")
            except StoreError as error:
                # The exit status is the script's, whatever becomes of this.
                click.echo(f"Warning: that the run failed cannot be noted: {error}", err=True)
    how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
    for job_id, store in dict.fromkeys((run.job_id, run.store) for run in begun):
        command = ["dtset", "restart", job_id]
        arguments = redacted_arguments(launch.arguments)
        if is_withheld := arguments != tuple(launch.arguments):
            command = ["dtset", "submit", "--job-id", job_id]
        if launch.store is not None or not is_configured(store):
            command += ["--store", shown_url(store)]
            is_withheld = is_withheld or shown_url(store) != store
        if command[1] == "submit":
            command += [launch.script, *arguments]
        left_out = ", with what is secret and left out here" if is_withheld else ""
        click.echo(
            f"The script {how}. What job {job_id} had committed stays; to restart it{left_out}:\n  {shlex.join(command)}",
            err=True,
        )
