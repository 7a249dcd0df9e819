"""Start-up: from the start of the interpreter to the first result, for each candidate for the default cluster.

    python benchmarks/startup.py [--rounds 5]

Each measurement is a fresh process. ``imports`` only makes the environment, which is all that a restart needs
whose persists are all found; ``LocalCluster`` is Dask's own, which a script without a main guard cannot start.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time

from side_by_side import summary

PROGRAM = """
import sys
from dtset import TSetEnvironment

def main(name, store):
    if name == "LocalCluster":
        from distributed import LocalCluster
        cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    elif name == "loky":
        from loky import get_reusable_executor
        cluster = get_reusable_executor(2)
    else:
        cluster = None if name in ("local", "imports") else name
    resources = [{"cpu": 1, "instances": 2}] if name in ("local", "imports") else None
    with TSetEnvironment(store=store, cluster=cluster, resources=resources) as env:
        if name != "imports":
            assert env.range(8, parallelism=4).map(abs).count() == 8

if __name__ == "__main__":
    main(*sys.argv[1:])
"""
CANDIDATES = ["imports", "synchronous", "threads", "local", "LocalCluster", "processes"]
# Compared where it is installed: nothing of ours needs it.
if importlib.util.find_spec("loky") is not None:
    CANDIDATES.append("loky")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    taken: dict[str, list[float]] = {name: [] for name in CANDIDATES}
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/program.py"
        with open(program, "w") as file:
            file.write(PROGRAM)
        for turn in range(options.rounds + 1):
            for name in CANDIDATES:
                began = time.perf_counter()
                subprocess.run([sys.executable, program, name, f"{folder}/store"], check=True)
                if turn:
                    taken[name].append(time.perf_counter() - began)
    for name, seconds in taken.items():
        print(f"{name:14} {summary(seconds)} s")


if __name__ == "__main__":
    main()
