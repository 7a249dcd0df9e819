"""Fingerprints: a plan of 100 operators over 2,000 lines of the user's code, and a large array.

    python benchmarks/fingerprint.py [--rounds 9] [--gigabytes 1.0]

*Cold* is the first fingerprint of the plan in a fresh process that has its imports, *warm* every later
one in it: values are read anew each time, and a changed global has to be seen. Under 200 ms cold and 20 ms warm is wanted. The
array goes by the bandwidth of the hash: what is printed is the ratio to `hashlib.sha256` over the same bytes, timed in turn.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from side_by_side import interleaved, summary

OPERATORS = 100
HEAD = '''
import math
import re
from dataclasses import dataclass

LIMIT = 10
NAMES = {"a": 1, "b": 2}
PATTERN = re.compile(r"[a-z]+")


@dataclass
class Rec:
    key: str
    amount: float = 0.0

    def score(self, factor):
        """How much it counts."""
        if self.amount > LIMIT:
            return self.amount * factor
        return math.sqrt(abs(self.amount))
'''
PART = '''

LIMIT_{n} = {n}
WORDS_{n} = ["w{n}", "x", "y"]


def parse_{n}(line, sep=","):
    """One row of text as a record."""
    parts = [part.strip() for part in line.split(sep) if part]
    if len(parts) < 2 or not PATTERN.match(parts[0]):
        return None
    return Rec(parts[0], float(parts[1]) + LIMIT_{n})


def operator_{n}(line, factor={n}):
    rec = parse_{n}(line)
    if rec is None or rec.key in WORDS_{n}:
        return NAMES.get(line, LIMIT)
    total = sum(rec.score(factor + i) for i in range(3))
    return total if total > LIMIT_{n} else None
'''
# Run as a script of the user's: prints the seconds of each fingerprint of the plan.
PROGRAM = """
import json
import sys
import time

import users_code
from dtset import TSetEnvironment
from dtset.fingerprint.node import plan_tree

with TSetEnvironment(store=sys.argv[1], cluster="synchronous", parallelism=2) as env:
    tset = env.range(10)
    for n in range({operators}):
        tset = tset.map(getattr(users_code, f"operator_{{n}}"))
    taken, digests = [], []
    for turn in range(int(sys.argv[2])):
        began = time.perf_counter()
        tree = plan_tree(tset._node, {{}}, config={{}})
        taken.append(time.perf_counter() - began)
        digests.append(tree.digest)
    users_code.NAMES["c"] = 3
    changed = plan_tree(tset._node, {{}}, config={{}}).digest
assert len(set(digests)) == 1 and changed != digests[0], "a changed global has to be seen"
json.dump(taken, sys.stdout)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    options = parser.parse_args()
    plan(options.rounds)
    array(options.rounds, options.gigabytes)


def plan(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        code = HEAD + "".join(PART.format(n=n) for n in range(OPERATORS))
        (folder / "users_code.py").write_text(code)
        (folder / "program.py").write_text(PROGRAM.format(operators=OPERATORS))
        command = [sys.executable, str(folder / "program.py"), str(folder / "store"), "6"]
        found: list[list[float]] = []
        for _ in range(rounds):
            printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
            found.append(json.loads(printed))
    lines = code.count("\n")
    print(f"{OPERATORS} operators over {lines:,} lines, ms")
    print(f"  cold  {summary([1000 * taken[0] for taken in found])}")
    print(f"  warm  {summary([1000 * each for taken in found for each in taken[1:]])}")


def array(rounds: int, gigabytes: float) -> None:
    import numpy as np

    from dtset.fingerprint import fingerprint

    content: Any = np.arange(int(gigabytes * 1e9) // 8, dtype=np.int64)
    side = interleaved(
        lambda: fingerprint(content),
        lambda: hashlib.sha256(memoryview(content).cast("B")).digest(),
        max(rounds // 3, 2),
    )
    print(f"an array of {content.nbytes / 1e9:.1f} GB")
    print(f"  fingerprint  {summary([content.nbytes / 1e9 / each for each in side.ours])} GB/s")
    print(f"  ratio to sha256 over the same bytes  {summary(side.ratios)}")


if __name__ == "__main__":
    began = time.perf_counter()
    main()
    print(f"took {time.perf_counter() - began:.0f} s")
