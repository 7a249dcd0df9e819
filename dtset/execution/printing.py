"""What user functions print, on its way to the driver's stdout: an attempt's output comes as one piece."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["captured", "topic_of"]

_buffer: ContextVar[io.StringIO | None] = ContextVar("dtset_stdout", default=None)
_lock = threading.Lock()
_capturing = 0


def topic_of(run_id: str) -> str:
    """Topic of the events by which workers send what was printed."""
    return f"dtset-stdout-{run_id}"


class _Stdout(io.TextIOBase):
    """A stdout that keeps what is printed inside of `captured`, and passes on the rest."""

    def __init__(self, stdout: Any) -> None:
        self.stdout = stdout

    def write(self, text: str) -> int:
        buffer = _buffer.get()
        written: int = (self.stdout if buffer is None else buffer).write(text)
        return written

    def flush(self) -> None:
        self.stdout.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stdout, name)


@contextmanager
def captured(run_id: str, *, enabled: bool) -> Iterator[None]:
    """Pass on what is printed inside at the end, in one piece, whether or not there was an exception.

    On a worker, it is sent to the driver. Threads that the kernels start carry the context; what
    other threads print goes to the process's own stdout.
    """
    if not enabled:
        yield
        return
    buffer = io.StringIO()
    _begin()
    token = _buffer.set(buffer)
    try:
        yield
    finally:
        _buffer.reset(token)
        _end()
        if text := buffer.getvalue():
            _pass_on(run_id, text)


def _begin() -> None:
    """Put our stdout in place, if it is not."""
    global _capturing
    with _lock:
        _capturing += 1
        if not isinstance(sys.stdout, _Stdout):
            sys.stdout = _Stdout(sys.stdout)


def _end() -> None:
    """Put the process's stdout back, if nothing else is captured."""
    global _capturing
    with _lock:
        _capturing -= 1
        if _capturing == 0 and isinstance(sys.stdout, _Stdout):
            sys.stdout = sys.stdout.stdout


def _pass_on(run_id: str, text: str) -> None:
    """Send to the driver, or print, what was captured."""
    if "distributed" in sys.modules:
        from distributed import get_worker

        try:
            get_worker().log_event(topic_of(run_id), text)
        except ValueError:
            sys.stdout.write(text)
    else:
        sys.stdout.write(text)
