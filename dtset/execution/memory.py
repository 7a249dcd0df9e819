"""How much memory there is for this process."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

__all__ = ["free_memory", "used_memory"]

_CGROUP = Path("/sys/fs/cgroup")
# Where version 2 of cgroups, then version 1, say how much a container may use, and how much it uses.
_LIMITS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def free_memory() -> int:
    """Return how many bytes this process may still take: of the machine or of its container, the less."""
    free = [psutil.virtual_memory().available]
    for limit, usage in _LIMITS:
        # There is no such file, or no limit in it.
        with suppress(OSError, ValueError):
            free.append(int((_CGROUP / limit).read_text()) - int((_CGROUP / usage).read_text()))
    return int(max(0, min(free)))


def used_memory() -> int:
    """Return how many bytes of memory this process takes."""
    return int(psutil.Process().memory_info().rss)
