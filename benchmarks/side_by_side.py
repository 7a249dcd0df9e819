"""Timing of two ways of doing the same, interleaved, so that a noisy machine is noisy to both."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from statistics import median
from typing import Any

import psutil

from dtset import TSetEnvironment

__all__ = ["SideBySide", "interleaved", "processes", "report", "started", "summary"]

MEGABYTE = 1_000_000
_LOOKING = 0.02


@dataclass(frozen=True)
class SideBySide:
    """Seconds of both in each round, and what both took of memory at most."""

    ours: list[float]
    theirs: list[float]
    memory: Sequence[int] = field(default=(0, 0))

    @property
    def ratios(self) -> list[float]:
        """Ours by theirs, round by round."""
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]


class Peak:
    """Most bytes of memory that some processes together, and this one, took while it ran."""

    def __init__(self, pids: Collection[int]) -> None:
        self.bytes = 0
        self._processes = [psutil.Process(pid) for pid in {os.getpid(), *pids}]

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at them in a thread."""
        ended = threading.Event()
        thread = threading.Thread(target=self._watch, args=(ended,))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _watch(self, ended: threading.Event) -> None:
        while not ended.wait(_LOOKING):
            taken = sum(each.memory_info().rss for each in self._processes)
            self.bytes = max(self.bytes, taken)


def interleaved(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    rounds: int,
    pids: tuple[Collection[int], Collection[int]] | None = None,
) -> SideBySide:
    """Time both in every round, who goes first changing with the round, after one round to warm up.

    What they take of memory is looked at in the first round, which is not timed, if their processes are given.
    """
    taken: dict[Callable[[], object], list[float]] = {ours: [], theirs: []}
    peaks = {
        call: Peak(of_it) for call, of_it in zip((ours, theirs), pids or ((), ()), strict=True)
    }
    for turn in range(rounds + 1):
        for call in (ours, theirs) if turn % 2 else (theirs, ours):
            with ExitStack() as stack:
                if pids is not None and not turn:
                    stack.enter_context(peaks[call].watched())
                began = time.perf_counter()
                call()
                if turn:
                    taken[call].append(time.perf_counter() - began)
    return SideBySide(taken[ours], taken[theirs], [peaks[ours].bytes, peaks[theirs].bytes])


def processes(client: Any) -> list[int]:
    """Numbers of the worker processes of a client."""
    return list(client.run(os.getpid).values())


@contextmanager
def started(workers: int) -> Iterator[tuple[Any, Any]]:
    """Start worker processes of ours, and a pool of as many; give the client and the pool, both warm."""
    with (
        tempfile.TemporaryDirectory() as folder,
        TSetEnvironment(store=folder, resources=[{"cpu": 1, "instances": workers}]) as env,
        get_context("spawn").Pool(workers) as pool,
    ):
        pool.map(sum, [[1]] * workers, chunksize=1)
        yield env.client, pool


def report(title: str, name: str, result: SideBySide) -> None:
    """Print what was measured."""
    print(f"{title}, median (least to most) of {len(result.ours)}:")
    for label, seconds, taken in (
        ("dtset", result.ours, result.memory[0]),
        (name, result.theirs, result.memory[1]),
    ):
        memory = f", {taken / MEGABYTE:.0f} MB at the peak" if taken else ""
        print(f"  {label:<22} {summary(seconds)} s{memory}")
    print(f"  {'ratio':<22} {summary(result.ratios)}")


def summary(values: list[float]) -> str:
    """Median, and from the least to the most."""
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
