"""Incremental persists: how long a run takes that has one input more than the last one.

    python benchmarks/incremental.py [--rounds 3]

10,000 files of 10 KB, one added, with blocks of 1 MiB, and with a partition a file; 1,000 partitions of 1 MB, one
changed. Wanted: at most a tenth of the first run and 3 s, at most 6 s, at most 1.5 s.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

from dtset import TSetEnvironment

FILES, LINES = 10_000, 1000
PARTITIONS, NUMBERS = 1000, 125_000


def persist_files(store: str, folder: Path, block_size: str | None) -> tuple[float, object]:
    began = time.perf_counter()
    with TSetEnvironment(store=store, job_id="files", cluster="threads") as env:
        found = env.read_text(f"{folder}/*.txt", block_size=block_size).map(int).persist("numbers")
        return time.perf_counter() - began, (found.hit, found.partitions)


def persist_values(store: str, values: list[int]) -> tuple[float, object]:
    began = time.perf_counter()
    with TSetEnvironment(store=store, job_id="values", cluster="threads") as env:
        found = env.parallelize(values, len(values)).flat_map(numbers).persist("numbers")
        return time.perf_counter() - began, (found.hit, found.partitions)


def numbers(seed: int) -> list[int]:
    return list(range(seed, seed + NUMBERS))


def said(name: str, firsts: list[float], seconds: list[float], found: object) -> None:
    first, second = median(firsts), median(seconds)
    spread = f"{min(seconds):.2f}-{max(seconds):.2f}"
    print(
        f"{name}: first {first:.2f} s, with one more {second:.2f} s ({spread}), {second / first:.2f}; {found}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--partitions", type=int, default=PARTITIONS)
    options = parser.parse_args()
    text = "".join(f"{i:09}\n" for i in range(LINES))
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top, "in")
        folder.mkdir()
        for number in range(options.files):
            Path(folder, f"{number:05}.txt").write_text(text.replace("000000", f"{number:06}"))
        for name, block_size in (
            ("files in blocks of 1 MiB", "1 MiB"),
            ("a partition a file", None),
        ):
            firsts, seconds, found = [], [], None
            for turn in range(options.rounds):
                with tempfile.TemporaryDirectory(dir=top) as store:
                    firsts.append(persist_files(store, folder, block_size)[0])
                    more = folder / f"more{turn}.txt"
                    more.write_text(f"{turn}\n" * LINES)
                    took, found = persist_files(store, folder, block_size)
                    seconds.append(took)
                    more.unlink()
            said(name, firsts, seconds, found)
        firsts, seconds, found = [], [], None
        for turn in range(options.rounds):
            with tempfile.TemporaryDirectory(dir=top) as store:
                values = list(range(options.partitions))
                firsts.append(persist_values(store, values)[0])
                values[options.partitions // 2] = -turn - 1
                took, found = persist_values(store, values)
                seconds.append(took)
        said("partitions of 1 MB", firsts, seconds, found)


if __name__ == "__main__":
    main()
