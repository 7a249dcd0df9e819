"""Running a program as a job, in a process of its own."""

from __future__ import annotations

import json
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dtset.errors import StoreError
from dtset.urls import redacted_arguments, shown_url

if TYPE_CHECKING:
    from dtset.checkpoint.job import Program
    from dtset.session.process import BegunRun


import signal
import subprocess
from types import FrameType


@dataclass(frozen=True)
class Launch:
    """A program to be run as a job, or the `copy` of its script; without a `store`, in the configured one."""

    job_id: str
    name: str
    program: Program
    store: str | None = None
    keep_variables: bool | None = None
    copy: str | None = None

    @property
    def command(self) -> list[str]:
        """What is executed."""
        command = list(self.program.command)
        if self.copy is not None and self.program.position is not None:
            command[self.program.position] = self.copy
        return [sys.executable, *command]

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Environment of the process."""
        submitted = {
            "by": os.getpid(),
            "job_id": self.job_id,
            "name": self.name,
            "program": asdict(self.program),
            "cluster": self.program.cluster,
            "workers": self.program.workers,
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
        from dtset.twister2 import SHIM

        script = self.program.script
        # Python looks beside the file that a link points to, and here in the copy's own folder first.
        beside = [os.path.dirname(os.path.realpath(script))] if self.copy and script else []
        return [*beside, *([str(SHIM)] if self.program.twister2 else [])]


def run(launch: Launch) -> int:
    """Run a program as a job, and say how to restart it if it fails; return its exit status, or 128 and the signal."""
    from dtset.session.process import read_report

    with _report_file() as report:
        environment = launch.environment({**os.environ, "DTSET_REPORT": str(report)})
        status = run_child(launch.command, launch.program.folder, environment)
        if status != 0:
            _after_failure(launch, status, read_report(report))
    return status if status >= 0 else 128 - status


@contextmanager
def _report_file() -> Iterator[Path]:
    """Where a script tells of its runs: in memory, where there are such files, as a store's URL may hold a password."""
    from dtset.execution.workers.left_folders import folder_prefix

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
    """Make the records of a failed program's runs say so, and say how to restart its jobs."""
    from dtset.checkpoint.runs import end_run
    from dtset.cli.options import is_configured
    from dtset.storage.opening import open_store

    for run in begun:
        if status > 0:
            try:
                end_run(open_store(run.store, create=False), run.job_id, run.run_id, "failed")
            except StoreError as error:
                # The exit status is the program's, whatever becomes of this.
                click.echo(f"Warning: that the run failed cannot be noted: {error}", err=True)
    how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
    for job_id, store in dict.fromkeys((run.job_id, run.store) for run in begun):
        command = ["dtset", "restart", job_id]
        started = redacted_arguments(launch.program.command)
        if is_withheld := started != tuple(launch.program.command):
            command = ["dtset", "submit", "--job-id", job_id]
        if launch.store is not None or not is_configured(store):
            command += ["--store", shown_url(store)]
            is_withheld = is_withheld or shown_url(store) != store
        if command[1] == "submit":
            command += started
        left_out = ", with what is secret and left out here" if is_withheld else ""
        click.echo(
            f"The program {how}. What job {job_id} had committed stays; to restart it{left_out}:\n  {shlex.join(command)}",
            err=True,
        )


_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Forwarding:
    """Passes signals on to a process, also those that came before it was there."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []

    def take(self, number: int, frame: FrameType | None) -> None:
        """Pass a signal on, unless the child has got it already; called in place of its default."""
        if self._child is None:
            self._early.append(number)
        elif number != signal.SIGINT or not _in_foreground():
            self._child.send_signal(number)

    def to(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        for number in self._early:
            child.send_signal(number)


def run_child(command: Sequence[str], folder: str, environment: Mapping[str, str]) -> int:
    """Run a command to its end, in this environment alone, passing signals on; return its status, negative for a signal."""
    forwarding = _Forwarding()
    with _handling(forwarding):
        child = subprocess.Popen(command, cwd=folder, env=dict(environment))
        forwarding.to(child)
        return child.wait()


@contextmanager
def _handling(forwarding: _Forwarding) -> Iterator[None]:
    """Let signals be forwarded, but those that this process was started to ignore."""
    before = {each: signal.getsignal(each) for each in _FORWARDED}
    # What is ignored stays so, for the child too: nohup, and shells that start jobs with `&`, mean it.
    handled = [each for each, handler in before.items() if handler != signal.SIG_IGN]
    for each in handled:
        signal.signal(each, forwarding.take)
    try:
        yield
    finally:
        for each in handled:
            signal.signal(each, before[each])


def _in_foreground() -> bool:
    """Whether this process is in the foreground of a terminal, which sends SIGINT to all that are."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
