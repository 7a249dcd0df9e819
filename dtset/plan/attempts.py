"""How a function of elements is tried, and what becomes of an element that it fails on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

OnError = Literal["raise", "skip", "keep"]
ON_ERROR = ("raise", "skip", "keep")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 30.0


@dataclass(frozen=True)
class Failed:
    """Stands for an element that a function failed on, with ``on_error="keep"``.

    Parameters
    ----------
    element
        What the function was given.
    error : str
        What it raised in the end, as text.

    Examples
    --------
    >>> env.parallelize(["1", "x"], 1).map(int, on_error="keep").collect()
    [1, Failed(element='x', error="ValueError: invalid literal for int() with base 10: 'x'")]
    """

    element: Any
    error: str


@dataclass(frozen=True)
class Attempts:
    """How often a function is called for an element, of how many at once, for how long, and what comes after."""

    concurrency: int
    retries: int = 0
    timeout: float | None = None
    on_error: OnError = "raise"

    def counted(self) -> Mapping[str, object]:
        """Return what decides which elements there are: nothing, where one that fails ends the run."""
        if self.on_error == "raise":
            return {}
        return {"on_error": self.on_error, "retries": self.retries, "timeout": self.timeout}

    def pause(self, failures: int) -> float | None:
        """Return how many seconds to wait before the next call, None if there is to be none."""
        if failures > self.retries:
            return None
        return min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(failures - 1, 16))
