"""Amounts, moments, and texts of others, as people read them."""

from __future__ import annotations

from datetime import datetime

_UNITS = (("PiB", 2**50), ("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("kiB", 2**10))


def bytes_text(number: int) -> str:
    """Say a number of bytes, in the form of Dask's own messages."""
    for unit, size in _UNITS:
        if number >= 0.9 * size:
            return f"{number / size:.2f} {unit}"
    return f"{number} B"


def seconds_text(seconds: float) -> str:
    """Say a length of time."""
    if seconds < 10:
        return f"{seconds:.3f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def moment_text(moment: float) -> str:
    """Say a moment, given as seconds since the epoch, in local time."""
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M:%S")


def printable(text: str) -> str:
    """Write control characters, which a terminal obeys, as Python does."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
