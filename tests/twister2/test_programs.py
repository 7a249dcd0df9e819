"""Programs that call Twister2's Python API of version 0.8 in the ways that its own programs do, one for each of those."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

import dtset
from tests.forks import run_python

ROOT = Path(dtset.__file__).resolve().parents[1]

HEAD = """
from twister2 import TSetContext
from twister2.Twister2Environment import Twister2Environment
from twister2.tset.fn.SourceFunc import SourceFunc

env = Twister2Environment(resources=[{"cpu": 1, "ram": 512, "instances": 3}])


class Countdown(SourceFunc):
    def __init__(self, start):
        super().__init__()
        self.left = start

    def has_next(self):
        return self.left > 0

    def next(self):
        self.left -= 1
        return self.left
"""


def ran(folder: Path, program: str, *options: str) -> list[str]:
    """Submit a program as Twister2's; return the lines that it printed, the banner's apart."""
    script = folder / "program.py"
    script.write_text(HEAD + program)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DTSET_", "DASK_"))}
    command = ["-m", "dtset.cli.main", "submit", "--twister2", "--store", str(folder / "store")]
    done = run_python(
        [*command, "--cluster", "synchronous", *options, str(script)],
        folder,
        {**kept, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return [line[2:] for line in done.stdout.splitlines() if line.startswith("> ")]


def test_hello(tmp_path: Path) -> None:
    assert ran(tmp_path, 'print("> worker %d" % env.worker_id)') == ["worker 0"]


def test_source(tmp_path: Path) -> None:
    program = 'env.create_source(Countdown(3), 2).for_each(lambda n: print("> n = %d" % n))'
    assert ran(tmp_path, program) == 2 * ["n = 2", "n = 1", "n = 0"]


def test_compute(tmp_path: Path) -> None:
    program = """
def squared(itr, collector, ctx: TSetContext):
    for n in itr:
        collector.collect(n * n)

def with_place(itr, collector, ctx: TSetContext):
    for n in itr:
        collector.collect((n, ctx.get_index(), ctx.index, ctx.parallelism, ctx.worker_id, ctx.name))

source = env.create_source(Countdown(2), 2)
source.compute(squared).compute(with_place).for_each(lambda n: print(">", n))
source.compute(lambda itr, ctx: sum(itr)).for_each(lambda n: print("> total", n))
source.flat_map(lambda n, collector: collector.collect("flat %d" % n)).for_each(lambda n: print(">", n))
source.direct().map(lambda n: n + 10).sink(lambda itr: print(">", list(itr)))
"""
    assert ran(tmp_path, program) == [
        *(str((n, at, at, 2, 0, "compute")) for at in range(2) for n in (1, 0)),
        *2 * ["total 1"],
        *2 * ["flat 1", "flat 0"],
        *2 * ["[11, 10]"],
    ]


def test_communication(tmp_path: Path) -> None:
    program = """
def squared(itr, collector, ctx: TSetContext):
    for n in itr:
        collector.collect(n * n)

env.create_source(Countdown(5), 3).compute(squared).reduce(lambda a, b: a + b) \\
    .for_each(lambda n: print("> sum %d" % n))
"""
    assert ran(tmp_path, program) == ["sum 90"]


def test_caching(tmp_path: Path) -> None:
    program = """
def squared(itr, collector, ctx: TSetContext):
    for n in itr:
        collector.collect(n * n)

squares = env.create_source(Countdown(4), 3).compute(squared).cache()

def with_squares(itr, collector, ctx: TSetContext):
    for n, square in zip(itr, ctx.get_input("squares").consumer()):
        collector.collect((n, square))

pairs = env.create_source(Countdown(4), 3).compute(with_squares)
pairs.add_input("squares", squares)
pairs.for_each(lambda pair: print("> %d %d" % pair))
lazy = env.parallelize_list([1, 2, 3], 1).lazy_cache()
lazy.for_each(lambda n: print(">", n))
"""
    assert ran(tmp_path, program) == [*3 * ["3 9", "2 4", "1 1", "0 0"], "1", "2", "3"]


def test_checkpoint(tmp_path: Path) -> None:
    program = """
def squared(itr, collector, ctx: TSetContext):
    for n in itr:
        print("> computed", n)
        collector.collect(n * n)

squares = env.create_source(Countdown(4), 1).compute(squared).persist()
squares.reduce(lambda a, b: a + b).for_each(lambda n: print("> sum %d" % n))
"""
    computed = [f"computed {n}" for n in (3, 2, 1, 0)]
    assert ran(tmp_path, program, "--job-id", "squares") == [*computed, "sum 14"]
    assert ran(tmp_path, program, "--job-id", "squares") == ["sum 14"]


def test_pairs(tmp_path: Path) -> None:
    program = """
class Remainders(Countdown):
    def next(self):
        n = super().next()
        return n % 3, n

pairs = env.create_keyed_source(Remainders(10), 2)
pairs.keyed_reduce(lambda a, b: a + b).for_each(lambda pair: print(">", pair))
env.parallelize_dict({"a": 1}, 1, None).map(lambda pair: pair[0]).for_each(lambda key: print(">", key))
"""
    sums = [(rest, 2 * sum(range(rest, 10, 3))) for rest in range(3)]
    assert Counter(ran(tmp_path, program)) == Counter([*map(str, sums), "a"])


KMEANS = """
import numpy as np
from sklearn.cluster import KMeans


class Points(SourceFunc):
    def __init__(self, seed, count):
        super().__init__()
        self.seed, self.count, self.read = seed, count, True

    def has_next(self):
        return self.read

    def next(self):
        self.read = False
        return np.random.default_rng(self.seed).normal(size=(self.count, 2))


data = env.create_source(Points(1, 200), 2).cache()
centers = env.create_source(Points(2, 4), {parallelism}).cache()


def fit(points, ctx: TSetContext):
    centers = ctx.get_input("centroids").first()
    return KMeans(n_clusters=4, init=centers, n_init=1, max_iter=1).fit(points).cluster_centers_


mapped = data.map(fit)
reduced = mapped.{reduce}(lambda a, b: a + b).map(lambda centers, ctx: np.divide(centers, 2))

for _ in range(10):
    mapped.add_input("centroids", centers)
    centers = reduced.cache()

centers.for_each(lambda x: print(">", x.tolist()))
"""


def centers_by_hand() -> list[list[float]]:
    np = pytest.importorskip("numpy")
    from sklearn.cluster import KMeans

    points = np.random.default_rng(1).normal(size=(200, 2))
    centers = np.random.default_rng(2).normal(size=(4, 2))
    for _ in range(10):
        # Both partitions hold the same points.
        centers = KMeans(n_clusters=4, init=centers, n_init=1, max_iter=1).fit(points)
        centers = np.divide(centers.cluster_centers_ + centers.cluster_centers_, 2)
    found: list[list[float]] = centers.tolist()
    return found


@pytest.mark.parametrize("parallelism", [1, 2])
def test_a_loop_binds_a_side_input_anew(tmp_path: Path, parallelism: int) -> None:
    program = KMEANS.replace("{parallelism}", str(parallelism)).replace("{reduce}", "reduce")
    assert ran(tmp_path, program) == [str(centers_by_hand())]


def test_kmeans(tmp_path: Path) -> None:
    program = KMEANS.replace("{parallelism}", "2").replace("{reduce}", "all_reduce")
    assert ran(tmp_path, program) == 2 * [str(centers_by_hand())]


def test_keyed_source(tmp_path: Path) -> None:
    program = """
class Remainders(Countdown):
    def next(self):
        n = super().next()
        return n % 3, n

env.create_keyed_source(Remainders(10), 4).keyed_gather(
    key_comparator=lambda a, b: a - b,
    partition_func=env.functions.partition.load_balanced,
    use_disk=True,
).for_each(lambda x: [print(">", x[0], value) for value in x[1]])
"""
    assert Counter(ran(tmp_path, program)) == Counter(4 * [f"{n % 3} {n}" for n in range(10)])


def test_links_and_partition_functions(tmp_path: Path) -> None:
    program = """
from twister2.tset.fn.PartitionFunc import PartitionFunc

class ByParity(PartitionFunc):
    def prepare(self, sources: set, destinations: set):
        self.destinations = sorted(destinations)

    def partition(self, source_index: int, val) -> int:
        return self.destinations[val % 2]

    def commit(self, source_index: int, partition: int):
        pass

def placed(itr, collector, ctx: TSetContext):
    for n in itr:
        collector.collect((ctx.index, n))

source = env.create_source(Countdown(3), 2)
source.partition(ByParity()).compute(placed).for_each(lambda pair: print("> partition", *pair))
source.gather().compute(placed).for_each(lambda pair: print("> gather", *pair))
source.all_gather().map(lambda n: -n).for_each(lambda n: print("> all_gather", n))
pairs = source.map_to_tuple(lambda n: (n, n))
pairs.keyed_partition(ByParity()).compute(placed).for_each(lambda pair: print("> keyed", *pair))
"""
    dealt = [(n % 2, n) for n in range(3)]
    assert Counter(ran(tmp_path, program)) == Counter(
        [
            *(f"partition {at} {n}" for at, n in dealt * 2),
            *(f"gather 0 {(source, n)}" for source in range(2) for n in range(3)),
            *(f"all_gather {-n}" for n in range(3) for _ in range(4)),
            *(f"keyed {at} {(n, n)}" for at, n in dealt * 2),
        ]
    )


def test_data_objects(tmp_path: Path) -> None:
    program = """
data = env.create_source(Countdown(2), 3).cache().get_data()
print(">", data.partition_count, [part.id for part in data.get_partitions()])
print(">", list(data.get_partition(1).consumer()), data.get_partition(2).first())
empty = env.create_source(Countdown(0), 1).cache().get_data()
print(">", empty.get_partition(0).first_or_default("none"))
"""
    assert ran(tmp_path, program) == ["3 [0, 1, 2]", "[1, 0] 1", "none"]
