"""Memory: one partition of 20 million integers, through two collector computes, into persist.

    python benchmarks/memory.py [--elements 20000000] [--cluster local|synchronous]

A partition may be larger than memory: what its process takes at its peak must not grow with it.
Less than 300 MB is wanted, interpreter and libraries included.
"""

from __future__ import annotations

import argparse
import tempfile
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--elements", type=int, default=20_000_000)
    parser.add_argument("--cluster", choices=["local", "synchronous"], default="local")
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
