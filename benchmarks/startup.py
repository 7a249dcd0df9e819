"""Whole programs in fresh processes, by where they run: what a user waits for, start-up included.

    python benchmarks/startup.py [--rounds 5] [small found j1]

``small`` counts a few elements; ``found`` is a program whose persist is found again; ``j1`` persists and sums 4 × 1,000,000
integers. ``default`` is an environment that is told nothing, ``workers`` one with two worker processes that are started
first; ``LocalCluster`` is Dask's own, which a script without a main guard cannot start. Times are of the process from its
start to its end; ratios are to the column named, round by round.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from side_by_side import summary

BEGIN = """
import sys
from dtset import SourceFunc, TSetEnvironment

def environment(name, **options):
    store, cluster, resources = sys.argv[2], None if name in ("default", "workers") else name, None
    if name == "workers":
        resources = [{"cpu": 1, "instances": 2}]
    elif name == "LocalCluster":
        from distributed import LocalCluster
        cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    return TSetEnvironment(store=store, cluster=cluster, resources=resources, parallelism=4, **options)
"""
SMALL = """
if __name__ == "__main__":
    with environment(sys.argv[1]) as env:
        assert env.range(8).map(abs).count() == 8
"""
FOUND = """
def square(i):
    return i * i

if __name__ == "__main__":
    with environment(sys.argv[1], job_id="squares") as env:
        persisted = env.range(400, parallelism=8).map(square).persist()
        persisted.reduce(lambda a, b: a + b).for_each(print)
        print(persisted.filter(lambda square: square % 3 == 0).count(), "divisible by 3")
"""
J1 = """
class IntSource(SourceFunc):
    def __init__(self):
        self.i = 0
    def has_next(self):
        return self.i < 1_000_000
    def next(self):
        res = self.i
        self.i = self.i + 1
        return res

def mul_by_five(itr, collector, ctx):
    for i in itr:
        collector.collect(i * 5)

def add_two(itr, collector, ctx):
    for i in itr:
        collector.collect(i + 2)

if __name__ == "__main__":
    with environment(sys.argv[1]) as env:
        persisted = env.create_source(IntSource(), 4).compute(mul_by_five).compute(add_two).persist()
        assert persisted.reduce(lambda a, b: a + b).first() == 9_999_998_000_000
"""


@dataclass(frozen=True)
class Case:
    """A program, where to run it, and which of these to compare the others with."""

    program: str
    candidates: tuple[str, ...]
    beside: str


CASES = {
    "small": Case(
        SMALL,
        ("default", "threads", "synchronous", "workers", "LocalCluster", "processes"),
        "threads",
    ),
    "found": Case(FOUND, ("default", "threads"), "threads"),
    "j1": Case(J1, ("default", "workers", "threads"), "workers"),
}


def seconds(program: Path, candidate: str, store: Path) -> float:
    """Run a program to its end."""
    began = time.perf_counter()
    command = [sys.executable, str(program), candidate, str(store)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def measure(name: str, case: Case, rounds: int) -> None:
    """Run all candidates by turns, once more than is counted."""
    taken: dict[str, list[float]] = {candidate: [] for candidate in case.candidates}
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "program.py")
        program.write_text(BEGIN + case.program)
        for turn in range(rounds + 1):
            for candidate in case.candidates[:: 1 if turn % 2 else -1]:
                took = seconds(program, candidate, Path(folder, "store"))
                if turn:
                    taken[candidate].append(took)
    print(f"{name}, seconds, and ratio to {case.beside}: median (least to most) of {rounds}")
    for candidate, values in taken.items():
        pairs = zip(values, taken[case.beside], strict=True)
        ratio = summary([value / beside for value, beside in pairs])
        print(f"  {candidate:14} {summary(values)}   {ratio}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], metavar="case")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for name in options.cases or CASES:
        measure(name, CASES[name], options.rounds)


if __name__ == "__main__":
    main()
