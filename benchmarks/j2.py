"""J2: word count of a text of 200 MB, 50,000 words as frequent as Zipf has it.

    python benchmarks/j2.py [--rounds 5] [--megabytes 200]

Ours, on two local worker processes, by turns with what a careful engineer would write by hand: a
``multiprocessing.Pool(2)`` that runs the very same functions over the lines, and a dict. At most 1.5 is wanted.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import uuid
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from side_by_side import interleaved, processes, report, started

from dtset import TSetEnvironment

WORDS, PARTITIONS, A_LINE = 50_000, 4, 10


def split(line: str) -> list[str]:
    return line.split()


def paired(word: str) -> tuple[str, int]:
    return word, 1


def added(a: int, b: int) -> int:
    return a + b


def write_text(path: Path, megabytes: int) -> None:
    """Write lines of ten words, the n-th as frequent as 1 / n."""
    generator = np.random.default_rng(2)
    lengths = generator.integers(3, 10, WORDS)
    letters = generator.integers(97, 123, (WORDS, 10), dtype=np.uint8)
    words = [bytes(letters[n, : lengths[n]]).decode() + str(n % 10) for n in range(WORDS)]
    frequencies = 1 / np.arange(1, WORDS + 1)
    cumulated = np.cumsum(frequencies / frequencies.sum())
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < megabytes * 1_000_000:
            drawn = np.searchsorted(cumulated, generator.random(500_000)).tolist()
            text = [words[min(number, WORDS - 1)] for number in drawn]
            file.writelines(
                " ".join(text[at : at + A_LINE]) + "\n" for at in range(0, len(text), A_LINE)
            )


def ours(path: Path, store: Path, client: Any) -> dict[str, int]:
    with TSetEnvironment(job_id=uuid.uuid4().hex, store=store, cluster=client) as env:
        words = env.read_text(str(path), PARTITIONS).flat_map(split).map_to_tuple(paired)
        return dict(words.keyed_reduce(added).collect())


def lines(path: Path, start: int, stop: int) -> Iterator[str]:
    """Give the lines that begin in a range of bytes."""
    with path.open("rb") as file:
        if start:
            file.seek(start - 1)
            file.readline()
        while (at := file.tell()) < stop:
            # `readlines` goes on until it has more than it was told: of a range's last block, all lines begin in it.
            block = file.readlines(max(1, min(1 << 20, stop - at - 1)))
            yield from (line.decode() for line in block)


def count_by_hand(path: Path, bounds: tuple[int, int]) -> dict[str, int]:
    counts: dict[str, int] = {}
    words = (word for line in lines(path, *bounds) for word in split(line))
    for word, one in map(paired, words):
        counts[word] = added(counts[word], one) if word in counts else one
    return counts


def by_hand(path: Path, pool: Any) -> dict[str, int]:
    size = os.path.getsize(path)
    ends = [size * number // PARTITIONS for number in range(PARTITIONS + 1)]
    ranges = list(pairwise(ends))
    total: dict[str, int] = {}
    for counts in pool.imap(partial(count_by_hand, path), ranges):
        for word, count in counts.items():
            total[word] = added(total[word], count) if word in total else count
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--megabytes", type=int, default=200)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as name, started(options.workers) as (client, pool):
        folder = Path(name)
        path = folder / "text.txt"
        write_text(path, options.megabytes)
        if ours(path, folder, client) != by_hand(path, pool):
            raise AssertionError("both count differently")
        result = interleaved(
            partial(ours, path, folder, client),
            partial(by_hand, path, pool),
            options.rounds,
            (processes(client), [each.pid for each in pool._pool]),
        )
    report(f"J2, {options.megabytes} MB", f"Pool({options.workers})", result)


if __name__ == "__main__":
    main()
