"""How much memory there is for this process."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import psutil


def free_memory() -> int:
    """Return how many bytes this process may still take: of the machine or of its container, the less."""
    free = psutil.virtual_memory().available
    for group in _groups():
        # There is no such file, or no limit in it.
        with suppress(OSError, ValueError):
            limit = int((group / "memory.max").read_text())
            cached = re.search(r"^inactive_file (\d+)", (group / "memory.stat").read_text(), re.M)
            used = int((group / "memory.current").read_text()) - int(cached[1] if cached else 0)
            free = min(free, limit - used)
    return max(0, int(free))


def used_memory() -> int:
    """Return how many bytes of memory this process takes."""
    return int(psutil.Process().memory_info().rss)


def _groups() -> list[Path]:
    """Folders of the control groups (version 2) that this process is in, itself and all above."""
    root = Path("/sys/fs/cgroup")
    try:
        own = Path("/proc/self/cgroup").read_text().rpartition("0::/")[2].strip()
    except OSError:
        return [root]
    group = root / own
    return [group, *(parent for parent in group.parents if parent.is_relative_to(root))]
