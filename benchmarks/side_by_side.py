"""Timing of two ways of doing the same, interleaved, so that a noisy machine is noisy to both."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

__all__ = ["SideBySide", "interleaved", "summary"]


@dataclass(frozen=True)
class SideBySide:
    """Seconds of both in each round."""

    ours: list[float]
    theirs: list[float]

    @property
    def ratios(self) -> list[float]:
        """Ours by theirs, round by round."""
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]


def interleaved(
    ours: Callable[[], object], theirs: Callable[[], object], rounds: int
) -> SideBySide:
    """Time both in every round, who goes first changing with the round, after one round to warm up."""
    taken: dict[Callable[[], object], list[float]] = {ours: [], theirs: []}
    for turn in range(rounds + 1):
        for call in (ours, theirs) if turn % 2 else (theirs, ours):
            began = time.perf_counter()
            call()
            if turn:
                taken[call].append(time.perf_counter() - began)
    return SideBySide(taken[ours], taken[theirs])


def summary(values: list[float]) -> str:
    """Median, and from the least to the most."""
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
