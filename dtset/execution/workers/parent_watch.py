"""A process that ends when the one that started it is gone: a command line that was killed ends nothing."""

from __future__ import annotations

import os
import threading
import time

_INTERVAL = 1.0


def end_with(parent: int) -> None:
    """End this process, as a kill would, when its parent is not, or no longer, the process given."""
    threading.Thread(target=_watch, args=(parent,), name="dtset-parent-watch", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_INTERVAL)
    os._exit(1)
