"""A scheduler and workers of Dask's, in processes on this machine that end with the driver."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import dask.config

from dtset.execution.left_folders import folder_prefix
from dtset.execution.parent_watch import DRIVER

__all__ = ["LocalProcesses"]

_WATCH = "dtset.execution.parent_watch"


class LocalProcesses:
    """Started worker processes, and the folder that they keep their files in.

    Parameters
    ----------
    instances : sequence of (int, int, int or None)
        For each kind of worker: number of processes, threads of each, bytes of memory of each.
    """

    def __init__(self, instances: Sequence[tuple[int, int, int | None]]) -> None:
        from distributed.deploy.spec import SpecCluster

        self._folder = tempfile.mkdtemp(prefix=folder_prefix())
        with _inherited(self._folder):
            self.cluster = SpecCluster(
                workers=_workers(instances),
                scheduler=_scheduler(self._folder),
                name="dtset",
                silence_logs=logging.WARN,
            )

    def close(self, timeout: float) -> None:
        """End the processes, and remove their folder."""
        try:
            self.cluster.close(timeout=timeout)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)


def _worker(*arguments: Any, **options: Any) -> Any:
    """Make a worker of Dask's that leaves no semaphores behind when it is closed."""
    from distributed.deploy.subprocess import SubprocessWorker

    worker = SubprocessWorker(*arguments, **options)
    close = worker.close

    async def ended() -> None:
        if worker.process is not None and worker.process.returncode is None:
            _kill(worker.process.pid)
            await worker.process.wait()
        await close()

    worker.close = ended
    return worker


def _kill(pid: int) -> None:
    """Kill a process and what it started, but for trackers of resources: these clean up, and end by themselves.

    Dask would kill them along with the others.
    """
    import psutil

    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                if not any("resource_tracker import main" in part for part in each.cmdline()):
                    each.kill()


def _workers(instances: Sequence[tuple[int, int, int | None]]) -> dict[int, Any]:
    """What Dask is to start as workers, by number."""
    workers: dict[int, Any] = {}
    for count, threads, memory in instances:
        for _ in range(count):
            options: dict[str, Any] = {
                "name": len(workers),
                "host": "127.0.0.1",
                "nthreads": threads,
                "silence_logs": logging.WARNING,
                "preload_nanny": [*dask.config.get("distributed.nanny.preload"), _WATCH],
            }
            if memory is not None:
                options["memory_limit"] = memory
            workers[len(workers)] = {
                "cls": _worker,
                "options": {"worker_kwargs": options},
            }
    return workers


def _scheduler(folder: str) -> Mapping[str, Any]:
    """What Dask is to start as scheduler."""
    from distributed.deploy.subprocess import SubprocessScheduler

    options = {
        "host": "127.0.0.1",
        "port": 0,
        "dashboard": False,
        "dashboard_address": None,
        "scheduler_file": os.path.join(folder, "scheduler.json"),
        "preload": [*dask.config.get("distributed.scheduler.preload"), _WATCH],
    }
    return {"cls": SubprocessScheduler, "options": {"scheduler_kwargs": options}}


@contextmanager
def _inherited(folder: str) -> Iterator[None]:
    """Let the processes started inside have this process's Dask configuration, and log warnings only.

    They look for no modules in the working directory, where one may be called as a library's is: what
    is the user's reaches them by value.
    """
    ours = {"distributed": {"logging": {"distributed": "warning"}}, "temporary-directory": folder}
    configuration = dask.config.merge(dask.config.global_config, ours)
    variables = {
        "DASK_INTERNAL_INHERIT_CONFIG": dask.config.serialize(configuration),
        "PYTHONSAFEPATH": "1",
        DRIVER: str(os.getpid()),
        # What a killed process leaves is removed by its tracker, which would say so to the user.
        "PYTHONWARNINGS": ",".join(
            filter(None, (os.environ.get("PYTHONWARNINGS"), "ignore:resource_tracker"))
        ),
    }
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
