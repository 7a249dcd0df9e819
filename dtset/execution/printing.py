"""What user functions print on workers, on its way to the driver's stdout."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["captured", "topic_of"]

_buffer: ContextVar[io.StringIO | None] = ContextVar("dtset_stdout", default=None)


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
    """Send what is printed inside to the driver, at the end, whether or not there was an exception.

    Threads that the kernels start carry the context; what other threads print goes to the worker's
    own stdout.
    """
    if not enabled:
        yield
        return
    if not isinstance(sys.stdout, _Stdout):
        sys.stdout = _Stdout(sys.stdout)
    buffer = io.StringIO()
    token = _buffer.set(buffer)
    try:
        yield
    finally:
        _buffer.reset(token)
        if text := buffer.getvalue():
            from distributed import get_worker

            get_worker().log_event(topic_of(run_id), text)
