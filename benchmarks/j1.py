"""J1: 4 partitions × 1,000,000 integers, ×5, +2, element by element, persisted, then summed by a lambda.

    python benchmarks/j1.py [--rounds 5] [--source class|range|batches] [--cluster local|threads|…]

Ours, on two local worker processes, by turns with what a careful engineer would write by hand: a
``multiprocessing.Pool(2)``, one generator pipeline a partition, each partition a Zarr array, read back
to be summed. Starting the workers and the pool is timed apart. At most 1.25 is wanted. With ``--source batches``,
the same by `map_batches`, by turns with NumPy and Zarr in one process: at most 3 is wanted.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial, reduce
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from side_by_side import interleaved, summary

from dtset import SourceFunc, TSetEnvironment

PARTITIONS = 4
ELEMENTS = 1_000_000
EXPECTED = PARTITIONS * sum(i * 5 + 2 for i in range(ELEMENTS))
CHUNK = 1 << 18


class IntSource(SourceFunc):
    """The seed's source."""

    def __init__(self) -> None:
        self.i = 0

    def has_next(self) -> bool:
        return self.i < ELEMENTS

    def next(self) -> int:
        res = self.i
        self.i = self.i + 1
        return res


def from_range() -> Iterator[int]:
    return iter(range(ELEMENTS))


def from_class() -> Iterator[int]:
    source = IntSource()
    while source.has_next():
        yield source.next()


# Ours ---------------------------------------------------------------------------------------------


def mul_by_five(itr: Iterator[int], collector: Any, ctx: Any) -> None:
    for i in itr:
        collector.collect(i * 5)


def add_two(itr: Iterator[int], collector: Any, ctx: Any) -> None:
    for i in itr:
        collector.collect(i + 2)


def ours(source: object, folder: Path, cluster: object) -> int:
    with TSetEnvironment(job_id=uuid.uuid4().hex, store=folder / "ours", cluster=cluster) as env:
        persisted = (
            env.create_source(source, PARTITIONS).compute(mul_by_five).compute(add_two).persist()
        )
        total: int = persisted.reduce(lambda a, b: a + b).first()
    shutil.rmtree(folder / "ours")
    return total


def in_batches(folder: Path, cluster: object) -> int:
    with TSetEnvironment(job_id=uuid.uuid4().hex, store=folder / "ours", cluster=cluster) as env:
        numbers = env.from_numpy(np.tile(np.arange(ELEMENTS), PARTITIONS), PARTITIONS)
        persisted = numbers.map_batches(lambda i: i * 5).map_batches(lambda i: i + 2).persist()
        total: int = persisted.sum()
    shutil.rmtree(folder / "ours")
    return total


# By hand ------------------------------------------------------------------------------------------


def write_by_hand(source: Callable[[], Iterator[int]], path: str) -> None:
    fives = (i * 5 for i in source())
    elements = (i + 2 for i in fives)
    array = zarr.create_array(path, shape=(ELEMENTS,), chunks=(CHUNK,), dtype="int64")
    for start in range(0, ELEMENTS, CHUNK):
        count = min(CHUNK, ELEMENTS - start)
        array[start : start + count] = np.fromiter(elements, np.int64, count)


def sum_by_hand(path: str) -> int:
    array = zarr.open_array(path, mode="r")
    chunks = (array[start : start + CHUNK].tolist() for start in range(0, ELEMENTS, CHUNK))
    return reduce(lambda a, b: a + b, (i for chunk in chunks for i in chunk))


def by_hand(source: Callable[[], Iterator[int]], folder: Path, pool: Any) -> int:
    paths = [str(folder / "by-hand" / str(number)) for number in range(PARTITIONS)]
    pool.map(partial(write_by_hand, source), paths, chunksize=1)
    total = sum(pool.map(sum_by_hand, paths, chunksize=1))
    shutil.rmtree(folder / "by-hand")
    return total


def arrays_by_hand(folder: Path) -> int:
    path = str(folder / "by-hand")
    array = zarr.create_array(path, shape=(PARTITIONS * ELEMENTS,), chunks=(CHUNK,), dtype="int64")
    array[:] = np.tile(np.arange(ELEMENTS), PARTITIONS) * 5 + 2
    total = int(zarr.open_array(path, mode="r")[:].sum())
    shutil.rmtree(path)
    return total


# Both ---------------------------------------------------------------------------------------------


def checked(call: Callable[[], int]) -> Callable[[], None]:
    def run() -> None:
        total = call()
        if total != EXPECTED:
            raise AssertionError(f"{total} instead of {EXPECTED}")

    return run


def started(name: str, workers: int, stack: ExitStack) -> object:
    """Start what runs ours, with its workers up."""
    if name == "local":
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        resources = [{"cpu": 1, "instances": workers}]
        return stack.enter_context(TSetEnvironment(store=folder, resources=resources)).client
    if name == "loky":
        from loky import get_reusable_executor

        executor = get_reusable_executor(workers)
        list(executor.map(abs, range(workers)))
        return executor
    return name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--source", choices=["class", "range", "batches"], default="class")
    parser.add_argument(
        "--cluster",
        choices=["local", "threads", "synchronous", "processes", "loky"],
        default="local",
    )
    options = parser.parse_args()
    native, by_iterator = {
        "class": (IntSource(), from_class),
        "range": (from_range, from_range),
        "batches": (None, from_range),
    }[options.source]
    name = "Pool and Zarr" if native is not None else "NumPy and Zarr"

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        began = time.perf_counter()
        cluster = started(options.cluster, options.workers, stack)
        up = time.perf_counter()
        pool = stack.enter_context(get_context("spawn").Pool(options.workers))
        pool.map(sum, [[1]] * options.workers, chunksize=1)
        pool_up = time.perf_counter()
        mine, theirs = (
            partial(ours, native, folder, cluster),
            partial(by_hand, by_iterator, folder, pool),
        )
        if native is None:
            mine, theirs = partial(in_batches, folder, cluster), partial(arrays_by_hand, folder)
        result = interleaved(checked(mine), checked(theirs), options.rounds)
    print(f"start-up: {options.cluster} {up - began:.2f} s, Pool {pool_up - up:.2f} s")
    print(
        f"J1, {options.cluster}, source {options.source}, median (least to most) of {options.rounds}:"
    )
    print(f"  dtset          {summary(result.ours)} s")
    print(f"  {name:<14} {summary(result.theirs)} s")
    print(f"  ratio          {summary(result.ratios)}")


if __name__ == "__main__":
    main()
