"""What runs in a worker process that dtset starts: a worker of Dask's, without a nanny."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import sys
import traceback
from typing import Any, NoReturn

import numpy as np
from distributed import Worker

# What the first task needs.
import dtset.execution.tasks  # noqa: F401
from dtset.execution.workers import unix_sockets

_PR_SET_PDEATHSIG = 1

# It is read by now; what user functions start would take it for their own.
os.environ.pop("DASK_INTERNAL_INHERIT_CONFIG", None)


def run(keeper: int, scheduler: str, options: dict[str, Any]) -> NoReturn:
    """Be a worker, in a process that was forked for it, until the worker is closed."""
    status = 1
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == keeper:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            # Python's own generator does so by itself.
            np.random.seed()
            logging.getLogger("asyncio").setLevel(logging.CRITICAL)
            asyncio.run(_work(scheduler, options))
            status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        # Threads of tasks may run on, and what is below on the stack is the keeper's.
        os._exit(status)


async def _work(scheduler: str, options: dict[str, Any]) -> None:
    # Dask's own tries again come at growing intervals.
    while not os.path.exists(scheduler):
        await asyncio.sleep(0.005)
    address = f"{unix_sockets.PREFIX}{scheduler}"
    worker = await _LocalWorker(address, protocol="unix", dashboard=False, **options)
    await worker.finished()


class _LocalWorker(Worker):  # type: ignore[misc]
    """A worker that listens on its socket only."""

    def start_http_server(self, *arguments: Any, **keywords: Any) -> None:
        pass


unix_sockets.register()
