"""J4: sort of 4,000,000 pairs of an integer and 90 bytes.

    python benchmarks/j4.py [--rounds 3] [--records 4000000]

Ours, on two local worker processes, by turns with one plain process and ``list.sort``. At most 1.0 is wanted. Both make the
records, and look through them in order.
"""

from __future__ import annotations

import argparse
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from side_by_side import interleaved, processes, report, started

from dtset import TSetContext, TSetEnvironment

PARTITIONS, SIZE = 4, 90


def records(count: int, ctx: TSetContext) -> Iterator[tuple[int, bytes]]:
    return records_of(count, ctx.index)


def records_of(count: int, partition: int) -> Iterator[tuple[int, bytes]]:
    generator = np.random.default_rng(partition)
    own = count // PARTITIONS
    keys, values = generator.integers(0, 2**62, own).tolist(), generator.bytes(SIZE * own)
    for number, key in enumerate(keys):
        yield key, values[SIZE * number : SIZE * (number + 1)]


def in_order(sorted_records: Iterable[tuple[int, bytes]]) -> int:
    """Return how many records there are; they have to be in order."""
    number, last = 0, -1
    for key, _ in sorted_records:
        if key < last:
            raise AssertionError(f"{key} comes after {last}")
        number, last = number + 1, key
    return number


def counted(itr: Iterator[tuple[int, bytes]], ctx: TSetContext) -> int:
    return in_order(itr)


def ours(count: int, store: Path, client: Any) -> int:
    with TSetEnvironment(job_id=uuid.uuid4().hex, store=store, cluster=client) as env:
        made = env.create_keyed_source(partial(records, count), PARTITIONS)
        return sum(made.sort_by_key().compute(counted).collect())


def by_hand(count: int) -> int:
    made = list(chain.from_iterable(records_of(count, at) for at in range(PARTITIONS)))
    made.sort(key=itemgetter(0))
    return in_order(made)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--records", type=int, default=4_000_000)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder, started(options.workers) as (client, _):
        we = partial(ours, options.records, Path(folder), client)
        they = partial(by_hand, options.records)
        if not we() == they() == options.records // PARTITIONS * PARTITIONS:
            raise AssertionError("records are missing")
        result = interleaved(we, they, options.rounds, (processes(client), ()))
    report(f"J4, {options.records:,} records", "one process", result)


if __name__ == "__main__":
    main()
