"""What runs in a worker process that dtset starts: a worker of Dask's, without a nanny."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
from typing import Any

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1


def _end_with(keeper: int) -> None:
    """Let the kernel kill this process when its keeper ends, whatever it is at."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != keeper:
        os._exit(1)


async def _work(scheduler: str, options: dict[str, Any]) -> None:
    """Be a worker until it is closed."""
    from distributed import Worker

    from dtset.execution import unix_sockets

    class LocalWorker(Worker):  # type: ignore[misc]
        """A worker that listens on its socket only."""

        def start_http_server(self, *arguments: Any, **keywords: Any) -> None:
            pass

    # It is read by now; what user functions start would take it for their own.
    os.environ.pop("DASK_INTERNAL_INHERIT_CONFIG", None)
    unix_sockets.register()
    # Dask's own tries again come at growing intervals.
    while not os.path.exists(scheduler):
        time.sleep(0.005)
    address = f"{unix_sockets.PREFIX}{scheduler}"
    worker = await LocalWorker(address, protocol="unix", dashboard=False, **options)
    await worker.finished()


def main(arguments: str, keeper: str) -> None:
    """Run a worker; never return, as threads of tasks may run on."""
    _end_with(int(keeper))
    import asyncio

    # What the first task needs.
    import zarr  # noqa: F401

    import dtset.execution.tasks  # noqa: F401

    asyncio.run(_work(**json.loads(arguments)))
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
