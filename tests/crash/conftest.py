from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.forks import Fork, start_python
from tests.programs import ENVIRONMENT, Program, kill_all, wait_for


@pytest.fixture
def program(tmp_path):
    return Program(tmp_path)


@dataclass
class Cluster:
    """A scheduler and workers of Dask's, started from their command lines."""

    folder: Path
    processes: list[Fork] = field(default_factory=list)
    workers: list[Fork] = field(default_factory=list)

    @property
    def address(self) -> str:
        return json.loads((self.folder / "scheduler.json").read_text())["address"]

    def start(self, *command: str) -> Fork:
        with (self.folder / f"{len(self.processes)}.log").open("w") as log:
            process = start_python(["-m", "dask", *command], self.folder, ENVIRONMENT, log)
        self.processes.append(process)
        return process

    def start_worker(self, *options: str) -> None:
        self.workers.append(
            self.start("worker", self.address, "--nthreads", "1", "--no-dashboard", *options)
        )


@pytest.fixture
def cluster(tmp_path_factory):
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    started.start(
        "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
        "--scheduler-file", str(started.folder / "scheduler.json"),
    )  # fmt: skip
    file = started.folder / "scheduler.json"
    wait_for(lambda: file.exists() and file.read_text().endswith("}"))
    started.start_worker()
    started.start_worker()
    try:
        yield started
    finally:
        for process in started.processes:
            if process.poll() is None:
                kill_all(process)
