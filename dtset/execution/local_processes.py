"""A scheduler and workers of Dask's, in processes on this machine that end with the driver."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dask.config

__all__ = ["LocalProcesses"]


class LocalProcesses:
    """Started worker processes, and the folder that they keep their files in.

    Parameters
    ----------
    instances : sequence of (int, int, int or None)
        For each kind of worker: number of processes, threads of each, bytes of memory of each.
    """

    def __init__(self, instances: Sequence[tuple[int, int, int | None]]) -> None:
        from distributed.deploy.spec import SpecCluster

        self._folder = tempfile.mkdtemp(prefix="dtset-")
        watch = f"from dtset.execution.parent_watch import watch; watch({os.getpid()})"
        with _inherited(self._folder):
            self.cluster = SpecCluster(
                workers=_workers(instances, watch),
                scheduler=_scheduler(self._folder, watch),
                name="dtset",
                silence_logs=logging.WARN,
            )

    def close(self, timeout: float) -> None:
        """End the processes, and remove their folder."""
        try:
            self.cluster.close(timeout=timeout)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)


def _workers(instances: Sequence[tuple[int, int, int | None]], watch: str) -> dict[int, Any]:
    """What Dask is to start as workers, by number."""
    from distributed.deploy.subprocess import SubprocessWorker

    workers: dict[int, Any] = {}
    for count, threads, memory in instances:
        for _ in range(count):
            options: dict[str, Any] = {
                "name": len(workers),
                "host": "127.0.0.1",
                "nthreads": threads,
                "silence_logs": logging.WARNING,
                "preload_nanny": [*dask.config.get("distributed.nanny.preload"), watch],
            }
            if memory is not None:
                options["memory_limit"] = memory
            workers[len(workers)] = {
                "cls": SubprocessWorker,
                "options": {"worker_kwargs": options},
            }
    return workers


def _scheduler(folder: str, watch: str) -> Mapping[str, Any]:
    """What Dask is to start as scheduler."""
    from distributed.deploy.subprocess import SubprocessScheduler

    options = {
        "host": "127.0.0.1",
        "port": 0,
        "dashboard": False,
        "dashboard_address": None,
        "scheduler_file": os.path.join(folder, "scheduler.json"),
        "preload": [*dask.config.get("distributed.scheduler.preload"), watch],
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
