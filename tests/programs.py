"""Running a user's program, and ending it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import psutil

from tests.forks import Fork, run_python, start_python

ENVIRONMENT = {
    key: value for key, value in os.environ.items() if not key.startswith(("DTSET_", "DASK_"))
}


@dataclass
class Program:
    """A script in a folder of its own, with a store beside it."""

    folder: Path
    job_id: str = "job"
    name: str = "program.py"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def write(self, source: str, name: str | None = None) -> None:
        """Write the script, or a module beside it."""
        (self.folder / (name or self.name)).write_text(dedent(source))

    def command(self, *arguments: str) -> list[str]:
        return [str(self.folder / self.name), *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        return {
            **ENVIRONMENT,
            "DTSET_JOB_ID": self.job_id,
            "DASK_DTSET__STORE": str(self.store),
            "PYTHONDONTWRITEBYTECODE": "1",
            **more,
        }

    def start(self, *arguments: str, **environment: str) -> Fork:
        """Start it, in a process group of its own."""
        return start_python(self.command(*arguments), self.folder, self.environment(**environment))

    def start_process(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start it as a new process, as tests of interrupts and of how processes end need it."""
        return subprocess.Popen(
            [sys.executable, *self.command(*arguments)],
            cwd=self.folder,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, fails: bool = False, **environment: str) -> str:
        """Run it to its end; return what it printed."""
        variables = self.environment(**environment)
        done = run_python(self.command(*arguments), self.folder, variables)
        assert (done.returncode != 0) is fails, f"{done.stdout}\n{done.stderr}"
        return done.stdout + (done.stderr if fails else "")

    def parts(self) -> set[int]:
        """Partitions that have a commit record."""
        found = self.store.glob(f"{self.job_id}/tsets/*/*/*/parts/*.json")
        return {int(path.stem) for path in found}


def kill_all(process: subprocess.Popen[str] | Fork) -> None:
    """``kill -9`` of a process and of all that it started."""
    started = []
    # A fork that has ended by itself is gone.
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        started = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGKILL)
    for each in started:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(started, timeout=20)
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def keeper_of(driver: int) -> psutil.Process | None:
    """The process that keeps the workers which a driver started."""
    for child in psutil.Process(driver).children():
        with suppress(psutil.NoSuchProcess):
            if "dtset.execution.workers.keeper" in child.cmdline():
                return child
    return None


def workers_of(driver: int) -> list[psutil.Process]:
    """The worker processes that a driver started."""
    keeper = keeper_of(driver)
    return [] if keeper is None else keeper.children()


def wait_for(condition, seconds: float = 60.0, interval: float = 0.02) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{condition} did not hold within {seconds} s")
        time.sleep(interval)
