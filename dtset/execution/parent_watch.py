"""The local processes that dtset starts end when the driver that started them is gone.

A driver that was killed closes nothing; without this, its scheduler and workers would stay for ever.
"""

from __future__ import annotations

import os
import threading
import time

__all__ = ["DRIVER", "dask_setup", "end_with", "watch"]

# Variable of the environment that tells a process which one is its driver.
DRIVER = "DTSET_DRIVER"

_INTERVAL = 1.0


def dask_setup(service: object) -> None:
    """Watch the driver: what Dask calls in a scheduler or nanny that preloads this module."""
    watch(int(os.environ[DRIVER]))


def watch(parent: int) -> None:
    """End this process, from now on, when its parent is not, or no longer, the process given.

    Ctrl-C in a terminal is the driver's affair: it would end what the driver needs to end in order.

    Parameters
    ----------
    parent : int
        Process ID of the driver.
    """
    os.setpgid(0, 0)
    end_with(parent)


def end_with(parent: int) -> None:
    """End this process, as a kill would, when its parent is not, or no longer, the process given."""
    threading.Thread(target=_watch, args=(parent,), name="dtset-parent-watch", daemon=True).start()


def _watch(parent: int) -> None:
    """Wait until the parent is gone."""
    while os.getppid() == parent:
        time.sleep(_INTERVAL)
    os._exit(1)
