"""Changes of this process that several threads want at once: made by the first of them, put back by the last."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class SharedChange:
    """A change of this process that lasts while anybody wants it; a fork is as it was before."""

    def __init__(self, put_back: Callable[[], None]) -> None:
        self._put_back = put_back
        self._lock = threading.Lock()
        self._wanted = 0
        os.register_at_fork(after_in_child=self._in_child)

    @contextmanager
    def made(self, make: Callable[[], None]) -> Iterator[None]:
        """Make the change, if it is not made, for what happens inside."""
        with self._lock:
            self._wanted += 1
            make()
        try:
            yield
        finally:
            with self._lock:
                self._wanted -= 1
                if self._wanted == 0:
                    self._put_back()

    def _in_child(self) -> None:
        self._lock, self._wanted = threading.Lock(), 0
        self._put_back()
