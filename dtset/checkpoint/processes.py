"""Processes: what tells one from another of the same number, and the living from the dead."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def process_started(pid: int) -> str:
    """When a process was started, in the system's own unit; empty if there is none of this number."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return _process_started_elsewhere(pid)
    fields = stat.rpartition(")")[2].split()
    # A killed process whose parent has not yet asked for its status is a zombie: it runs no more.
    return "" if fields[0] in "ZX" else fields[19]


def _process_started_elsewhere(pid: int) -> str:
    """As `process_started`, where there is no /proc."""
    import psutil

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.Error:
        return ""


def processes_here() -> str:
    """What tells the processes that can be seen from here from those of other machines and containers."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()
