"""J3: inner join of 1,000,000 with 1,000,000 pairs of integers, 500,000 keys.

    python benchmarks/j3.py [--rounds 5] [--pairs 1000000]

Ours, on two local worker processes, by turns with one plain process that builds a dict of lists. At most 1.0 is
wanted. Both make the pairs, and add up what the join gives.
"""

from __future__ import annotations

import argparse
import tempfile
import uuid
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from side_by_side import interleaved, processes, report, started

from dtset import TSetContext, TSetEnvironment

PARTITIONS = 4


def pairs(side: int, count: int, ctx: TSetContext) -> Iterator[tuple[int, int]]:
    return pairs_of(side, count, ctx.index)


def pairs_of(side: int, count: int, partition: int) -> Iterator[tuple[int, int]]:
    generator = np.random.default_rng([side, partition])
    keys = generator.integers(0, count // 2, count // PARTITIONS).tolist()
    return zip(keys, generator.integers(0, 1000, len(keys)).tolist(), strict=True)


def added(rows: Iterator[Any], ctx: TSetContext) -> tuple[int, int]:
    number = total = 0
    for _, left, right in rows:
        number, total = number + 1, total + left * right
    return number, total


def both(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]


def ours(count: int, store: Path, client: Any) -> tuple[int, int]:
    with TSetEnvironment(job_id=uuid.uuid4().hex, store=store, cluster=client) as env:
        left, right = (
            env.create_keyed_source(partial(pairs, side, count), PARTITIONS) for side in range(2)
        )
        found: tuple[int, int] = left.join(right).compute(added).reduce(both).first()
        return found


def by_hand(count: int) -> tuple[int, int]:
    left, right = (
        list(chain.from_iterable(pairs_of(side, count, at) for at in range(PARTITIONS)))
        for side in range(2)
    )
    values: dict[int, list[int]] = {}
    for key, value in right:
        values.setdefault(key, []).append(value)
    joined = [(key, one, other) for key, one in left for other in values.get(key, ())]
    return len(joined), sum(one * other for _, one, other in joined)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder, started(options.workers) as (client, _):
        we = partial(ours, options.pairs, Path(folder), client)
        they = partial(by_hand, options.pairs)
        if we() != they():
            raise AssertionError("both join differently")
        result = interleaved(we, they, options.rounds, (processes(client), ()))
    report(f"J3, {options.pairs:,} pairs a side", "one process", result)


if __name__ == "__main__":
    main()
