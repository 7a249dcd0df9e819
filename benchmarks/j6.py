"""J6: overhead. 1,000 partitions of 10 elements, mapped, then summed; no data to speak of.

    python benchmarks/j6.py [--rounds 5] [--partitions 1000]

Ours, by turns with ``dask.bag`` on the very same workers. At most 0.25 is wanted.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from operator import add
from typing import Any

import dask.bag
from side_by_side import interleaved, summary

from dtset import TSetEnvironment

ELEMENTS = 10


def increment(i: int) -> int:
    return i + 1


def ours(env: TSetEnvironment, partitions: int) -> int:
    source = env.range(partitions * ELEMENTS, parallelism=partitions)
    total: int = source.map(increment).reduce(add).first()
    return total


def bag(client: Any, partitions: int) -> int:
    source = dask.bag.range(partitions * ELEMENTS, npartitions=partitions)
    return int(source.map(increment).sum().compute(scheduler=client))


def checked(call: Callable[[], int], expected: int) -> Callable[[], None]:
    def run() -> None:
        total = call()
        if total != expected:
            raise AssertionError(f"{total} instead of {expected}")

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--partitions", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()

    resources = [{"cpu": 1, "instances": options.workers}]
    number = options.partitions
    expected = sum(range(1, number * ELEMENTS + 1))
    with (
        tempfile.TemporaryDirectory() as folder,
        TSetEnvironment(store=folder, resources=resources) as env,
    ):
        client = env.client
        result = interleaved(
            checked(lambda: ours(env, number), expected),
            checked(lambda: bag(client, number), expected),
            options.rounds,
        )
    print(
        f"J6, {number} partitions, {options.workers} local workers, median (least to most) of {options.rounds}:"
    )
    print(f"  dtset     {summary(result.ours)} s")
    print(f"  dask.bag  {summary(result.theirs)} s")
    print(f"  ratio     {summary(result.ratios)}")


if __name__ == "__main__":
    main()
