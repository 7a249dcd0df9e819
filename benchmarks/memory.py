"""Memory: one partition of 20 million integers, through two collector computes, into persist; or a long program.

    python benchmarks/memory.py [--elements 20000000] [--cluster local|synchronous]
    python benchmarks/memory.py --actions 1000

A partition may be larger than memory: what its process takes at its peak must not grow with it.
Less than 300 MB is wanted, interpreter and libraries included. With --actions, a program goes on for as many
actions, each on a sequence of its own of about 100 KB, and persists after every fifth: what the driver takes must
not grow with them.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from dtset import TSetEnvironment

MEGABYTE = 1_000_000


def mul_by_five(itr: Iterator[int], collector: Any, ctx: Any) -> None:
    for i in itr:
        collector.collect(i * 5)


def add_two(itr: Iterator[int], collector: Any, ctx: Any) -> None:
    for i in itr:
        collector.collect(i + 2)


def peak_of_this_process() -> int:
    """Most bytes of memory that this process ever took, as the kernel counts them."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return psutil.Process().memory_info().rss


def loop(env: TSetEnvironment, actions: int) -> None:
    """Print what this process takes, every tenth of a program of many actions and persists."""
    process, first = psutil.Process(), 0
    tracemalloc.start()
    for turn in range(actions):
        flow = env.parallelize(range(turn, turn + 20_000), 2).map(lambda x, turn=turn: x + turn)
        if flow.count() != 20_000:
            raise AssertionError("elements are missing")
        if turn % 5 == 0:
            flow.persist()
        if (turn + 1) % max(1, actions // 10) == 0:
            gc.collect()
            objects = tracemalloc.get_traced_memory()[0]
            first = first or objects
            resident = process.memory_info().rss
            print(
                f"  after {turn + 1:>5,} actions: {resident / MEGABYTE:.0f} MB, "
                f"Python objects {(objects - first) / MEGABYTE:+.2f} MB"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--elements", type=int, default=20_000_000)
    parser.add_argument("--cluster", choices=["local", "synchronous"], default="local")
    parser.add_argument("--actions", type=int, default=0)
    options = parser.parse_args()

    local = options.cluster == "local"
    with (
        tempfile.TemporaryDirectory() as folder,
        TSetEnvironment(
            store=folder,
            cluster=None if local else "synchronous",
            resources=[{"cpu": 1, "instances": 1}] if local else None,
        ) as env,
    ):
        if options.actions:
            loop(env, options.actions)
            return

        def peak() -> int:
            if env.client is None:
                return peak_of_this_process()
            return int(max(env.client.run(peak_of_this_process).values()))

        before = peak()
        persisted = (
            env.range(options.elements, parallelism=1)
            .compute(mul_by_five)
            .compute(add_two)
            .persist()
        )
        rows, after = persisted.count(), peak()
    if rows != options.elements:
        raise AssertionError(f"{rows} rows instead of {options.elements}")
    print(f"{rows:,} elements in one partition, {options.cluster}:")
    print(f"  peak before  {before / MEGABYTE:.0f} MB")
    print(f"  peak after   {after / MEGABYTE:.0f} MB")


if __name__ == "__main__":
    main()
