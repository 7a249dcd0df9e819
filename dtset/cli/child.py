"""A child process that gets the signals its parent is sent."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Forwarding:
    """Passes signals on to a process, also those that came before it was there."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []

    def take(self, number: int, frame: FrameType | None) -> None:
        """Pass a signal on, unless the child has got it already; called in place of its default."""
        if self._child is None:
            self._early.append(number)
        elif number != signal.SIGINT or not _in_foreground():
            self._child.send_signal(number)

    def to(self, child: subprocess.Popen[bytes]) -> None:
        """Pass signals on to this process from now on."""
        self._child = child
        for number in self._early:
            child.send_signal(number)


def run_child(command: Sequence[str], folder: str, environment: Mapping[str, str]) -> int:
    """Run a command to its end; while it runs, signals are the child's affair.

    It is given all of its environment. Its exit status is negative, the number of the signal, if one killed it.
    """
    forwarding = _Forwarding()
    with _handling(forwarding):
        child = subprocess.Popen(command, cwd=folder, env=dict(environment))
        forwarding.to(child)
        return child.wait()


@contextmanager
def _handling(forwarding: _Forwarding) -> Iterator[None]:
    """Let signals be forwarded, but those that this process was started to ignore."""
    before = {each: signal.getsignal(each) for each in _FORWARDED}
    # What is ignored stays so, for the child too: nohup, and shells that start jobs with `&`, mean it.
    handled = [each for each, handler in before.items() if handler != signal.SIG_IGN]
    for each in handled:
        signal.signal(each, forwarding.take)
    try:
        yield
    finally:
        for each in handled:
            signal.signal(each, before[each])


def _in_foreground() -> bool:
    """Whether this process is in the foreground of a terminal, which sends SIGINT to all that are."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
