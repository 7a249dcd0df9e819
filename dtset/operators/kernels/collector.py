"""What push-style functions give their elements to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Collector:
    """Takes the elements that a function pushes: ``collector.collect(x)``.

    ``collect`` is a slot that holds the bound ``append`` of a list, so that a push costs no Python
    call.
    """

    __slots__ = ("collect",)

    def __init__(self, collect: Callable[[Any], None]) -> None:
        self.collect = collect
