"""Programs that are edited between two runs of one job."""

from __future__ import annotations

import pytest

SEED = """
from dtset import SourceFunc, TSetEnvironment

env = TSetEnvironment(cluster="threads")

class IntSource(SourceFunc):
    def __init__(self):
        super().__init__()
        self.i = 0
    def has_next(self):
        return self.i < 100
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

persisted = env.create_source(IntSource(), 4).compute(mul_by_five).compute(add_two).persist()
print("HIT", persisted.hit)
persisted.reduce(lambda i1, i2: i1 + i2).for_each(lambda i: print("SUM = %d" % i))
"""
SUM = 4 * sum(i * 5 + 2 for i in range(100))


def test_an_edit_recomputes_and_a_comment_does_not(program):
    program.write(SEED)
    assert program.run() == f"HIT False\nSUM = {SUM}\n"
    assert program.run() == f"HIT True\nSUM = {SUM}\n"
    commented = SEED.replace("def mul_by_five", "# five times\n\n\ndef mul_by_five")
    program.write(commented.replace("i * 5)", "i * 5)  # here"))
    assert program.run() == f"HIT True\nSUM = {SUM}\n"
    program.write(SEED.replace("i * 5", "i * 6"))
    changed = 4 * sum(i * 6 + 2 for i in range(100))
    assert program.run() == f"HIT False\nSUM = {changed}\n"
    program.write(SEED)
    assert program.run() == f"HIT True\nSUM = {SUM}\n"


def test_an_inserted_operator_never_loads_the_wrong_data(program):
    program.write(SEED)
    program.run()
    program.write(SEED.replace(".compute(add_two)", ".map(lambda i: -i).compute(add_two)"))
    changed = 4 * sum(-i * 5 + 2 for i in range(100))
    assert program.run() == f"HIT False\nSUM = {changed}\n"


WITH_MODULES = """
import sys
import helpers
from package import deep
from dtset import TSetEnvironment

def scaled(x):
    import lazy
    return lazy.twice(helpers.scaled(x)) + deep.OFFSET

with TSetEnvironment(cluster=sys.argv[1] if len(sys.argv) > 1 else "threads") as env:
    persisted = env.range(4).map(scaled).persist()
    print("HIT", persisted.hit, persisted.collect(), scaled(1))
"""


@pytest.fixture
def with_modules(program):
    program.write(WITH_MODULES)
    program.write("FACTOR = 10\ndef scaled(x): return FACTOR * x\n", "helpers.py")
    (program.folder / "package").mkdir()
    program.write("", "package/__init__.py")
    program.write("OFFSET = 1\n", "package/deep.py")
    program.write("def twice(x): return 2 * x\n", "lazy.py")
    return program


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("helpers.py", "FACTOR = 100\ndef scaled(x): return FACTOR * x\n", [1, 201, 401, 601]),
        ("package/deep.py", "OFFSET = 2\n", [2, 22, 42, 62]),
        ("lazy.py", "def twice(x): return 3 * x\n", [1, 31, 61, 91]),
    ],
)
def test_an_edited_module_beside_the_script_runs_as_it_is_now(
    with_modules, module, source, expected
):
    assert "HIT False [1, 21, 41, 61] 21" in with_modules.run()
    assert "HIT True [1, 21, 41, 61] 21" in with_modules.run()
    with_modules.write(source, module)
    assert f"HIT False {expected} {expected[1]}" in with_modules.run()


def test_an_edited_module_runs_on_workers_that_stay_up(with_modules, cluster):
    address = cluster.address
    assert "HIT False [1, 21, 41, 61] 21" in with_modules.run(address)
    with_modules.write("FACTOR = 100\ndef scaled(x): return FACTOR * x\n", "helpers.py")
    assert "HIT False [1, 201, 401, 601] 201" in with_modules.run(address)
    with_modules.write("def twice(x): return 3 * x\n", "lazy.py")
    assert "HIT False [1, 301, 601, 901] 301" in with_modules.run(address)
    assert "HIT True [1, 301, 601, 901] 301" in with_modules.run(address)


RECORDS = """
from dtset import TSetEnvironment

class Rec:
    def __init__(self, x):
        self.x = x
    def score(self):
        return self.x * FACTOR

env = TSetEnvironment(cluster="threads")
records = env.range(4).map(Rec).persist()
scores = records.map(lambda record: record.score()).persist()
print("HIT", scores.hit, scores.collect())
"""


def test_an_edited_method_of_persisted_instances_is_a_miss(program):
    program.write(RECORDS.replace("FACTOR", "2"))
    assert "HIT False [0, 2, 4, 6]" in program.run()
    assert "HIT True [0, 2, 4, 6]" in program.run()
    program.write(RECORDS.replace("FACTOR", "3"))
    assert "HIT False [0, 3, 6, 9]" in program.run()


MEMO = """
from dtset import TSetEnvironment

memo = {}

def squared(x):
    if x not in memo:
        memo[x] = x * x
    return memo[x]

with TSetEnvironment(cluster=CLUSTER) as env:
    print("HIT", env.range(5).map(squared).persist().hit, env.range(5).map(squared).persist().hit)
"""


@pytest.mark.parametrize("cluster", ["'threads'", "'synchronous'", "None"])
def test_a_memo_that_fills_while_running_does_not_change_the_fingerprint(program, cluster):
    program.write(MEMO.replace("CLUSTER", cluster))
    assert "HIT False True" in program.run()
    assert "HIT True True" in program.run()
