"""TeraSort: sort generated records of 10-byte keys and 90-byte values, and validate their order.

    dtset submit examples/terasort.py --records 1000000
    python examples/terasort.py --job-id terasort

The sorted records are persisted; started again with the same job ID, they are validated alone.
"""

import argparse
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any
from zlib import crc32

from dtset import TSetContext, TSetEnvironment

Record = tuple[bytes, bytes]
Summary = tuple[int, int, bytes, bytes]

AT_ONCE = 10_000


def generated(count: int) -> Callable[[TSetContext], Iterator[Record]]:
    """Return the source of so many records in all partitions together."""

    def records(ctx: TSetContext) -> Iterator[Record]:
        generator = ctx.random
        start = count * ctx.index // ctx.parallelism
        stop = count * (ctx.index + 1) // ctx.parallelism
        for at in range(start, stop, AT_ONCE):
            size = min(AT_ONCE, stop - at)
            keys, values = generator.bytes(10 * size), generator.bytes(90 * size)
            for n in range(size):
                yield keys[10 * n : 10 * n + 10], values[90 * n : 90 * n + 90]

    return records


def summed(records: Iterator[Record], ctx: TSetContext) -> Iterator[Summary]:
    """Give number and checksum of the records of a partition, whatever their order is, and its first and last key."""
    count = total = 0
    first = last = None
    for key, value in records:
        if last is not None and key < last:
            raise AssertionError(f"{key!r} comes after {last!r} in partition {ctx.index}")
        first, last = key if first is None else first, key
        count, total = count + 1, total + crc32(value, crc32(key))
    if first is not None and last is not None:
        yield count, total, first, last


def checksum(records: Iterator[Record], ctx: TSetContext) -> tuple[int, int]:
    totals = [crc32(value, crc32(key)) for key, value in records]
    return len(totals), sum(totals)


def both(one: Any, other: Any) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--job-id", help="the job to resume, or to create")
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--partitions", type=int, default=8)
    options = parser.parse_args()

    with TSetEnvironment("terasort", job_id=options.job_id) as env:
        records = env.create_keyed_source(generated(options.records), options.partitions)
        generated_sum = records.compute(checksum).persist("checksums").reduce(both).first()
        parts = records.sort_by_key().persist("sorted").compute(summed).collect()
        for before, after in pairwise(parts):
            if before[3] > after[2]:
                raise AssertionError(f"{after[2]!r} comes after {before[3]!r}")
        found = sum(part[0] for part in parts), sum(part[1] for part in parts)
        if found != generated_sum:
            raise AssertionError(f"{found} records and checksum, generated were {generated_sum}")
        print(f"{found[0]} records in order, checksum {found[1]:x}")


if __name__ == "__main__":
    main()
