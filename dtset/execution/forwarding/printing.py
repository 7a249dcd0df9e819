"""What user functions print, on its way to the driver's stdout: an attempt's output comes as one piece."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from dtset.execution.forwarding.logs import to_driver
from dtset.execution.forwarding.shared import SharedChange


class _Attempt:
    """What was printed in an attempt at a partition: text, and bytes that are text."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.decoders: dict[str, codecs.IncrementalDecoder] = {}

    def add(self, data: Any, encoding: str) -> int:
        if encoding not in self.decoders:
            self.decoders[encoding] = codecs.getincrementaldecoder(encoding)("replace")
        taken = bytes(data)
        self.pieces.append(self.decoders[encoding].decode(taken))
        return len(taken)


_attempt: ContextVar[_Attempt | None] = ContextVar("dtset_stdout", default=None)


class _Binary(io.BufferedIOBase):
    """The ``buffer`` of our stdout; as a file, it is the process's."""

    def __init__(self, stdout: Any, encoding: str) -> None:
        self.stdout = stdout
        self.encoding = encoding

    @property
    def name(self) -> Any:
        return getattr(self.stdout, "name", "<stdout>")

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        attempt = _attempt.get()
        if attempt is not None:
            return attempt.add(data, self.encoding)
        written: int = self.stdout.buffer.write(data)
        return written

    def flush(self) -> None:
        if self.stdout is not None:
            self.stdout.flush()

    def fileno(self) -> int:
        number: int = self.stdout.fileno()
        return number

    def isatty(self) -> bool:
        return bool(self.stdout.isatty())


class _Stdout(io.TextIOWrapper):
    """A stdout that keeps what is printed inside of `captured`, and passes on the rest."""

    def __init__(self, stdout: Any) -> None:
        encoding = getattr(stdout, "encoding", None) or "utf-8"
        errors = getattr(stdout, "errors", None) or "strict"
        super().__init__(_Binary(stdout, encoding), encoding, errors, "", write_through=True)
        self.stdout = stdout

    def write(self, text: str, /) -> int:
        attempt = _attempt.get()
        if attempt is None:
            return 0 if self.stdout is None else int(self.stdout.write(text) or 0)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        attempt.pieces.append(text)
        return len(text)

    def flush(self) -> None:
        self.buffer.flush()


@contextmanager
def captured(run_id: str, *, enabled: bool) -> Iterator[None]:
    """Pass on what is printed inside at the end, in one piece, whether or not there was an exception.

    On a worker, it is sent to the driver. Threads that the kernels start carry the context; what
    other threads and processes print goes to the process's own stdout.
    """
    if not enabled:
        yield
        return
    attempt = _Attempt()
    try:
        with _stdout.made(_put_in_place):
            token = _attempt.set(attempt)
            try:
                yield
            finally:
                _attempt.reset(token)
    finally:
        text = "".join(attempt.pieces)
        if text and not to_driver(run_id, text):
            write_out(text)


def write_out(text: str) -> None:
    """Write to stdout, whatever it can show."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.write(text)
    except UnicodeEncodeError:
        encoding = getattr(sys.stdout, "encoding", None) or "ascii"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _put_in_place() -> None:
    if not isinstance(sys.stdout, _Stdout):
        sys.stdout = _Stdout(sys.stdout)


def _put_back() -> None:
    if isinstance(sys.stdout, _Stdout):
        sys.stdout = sys.stdout.stdout


_stdout = SharedChange(_put_back)
# What a fork keeps never comes back.
os.register_at_fork(after_in_child=lambda: _attempt.set(None))
