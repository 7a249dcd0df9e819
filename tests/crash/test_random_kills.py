"""Jobs killed at random moments, again and again, until they are done."""

from __future__ import annotations

import random
import time

import pytest

from tests.crash.test_kill import computed
from tests.programs import kill_all

JOB = """
import time, uuid
from pathlib import Path
from dtset import TSetEnvironment

computed = Path(__file__).parent / "computed"
computed.mkdir(exist_ok=True)

def source(ctx):
    (computed / f"{ctx.index}-{uuid.uuid4().hex}").touch()
    for i in range(4):
        time.sleep(0.01)
        yield 10 * ctx.index + i

def pair(x):
    return (x % 5, x)

with TSetEnvironment(cluster=CLUSTER) as env:
    raw = env.create_source(source, 12).persist("raw")
    sums = raw.map_to_tuple(pair).keyed_reduce(lambda a, b: a + b).persist("sums")
    print("SUMS", sorted(sums.collect()))
"""
VALUES = [10 * index + i for index in range(12) for i in range(4)]
SUMS = [(key, sum(x for x in VALUES if x % 5 == key)) for key in range(4)]


def raw_parts(program):
    """Committed partitions of the first persist."""
    return {path.stem for path in program.store.glob("job/tsets/*/*/0/parts/*.json")}


def check(program, cluster, rounds, seed):
    """Kill a job so many times, each at a random moment, then let it end: nothing committed is lost or redone."""
    moments = random.Random(seed)
    program.write(JOB.replace("CLUSTER", repr(cluster)))
    (program.folder / "computed").mkdir()
    committed = set()
    for _ in range(rounds):
        before = computed(program)
        process = program.start_process()
        time.sleep(moments.uniform(0.3, 2.0 if cluster == "threads" else 4.0))
        kill_all(process)
        after = computed(program)
        assert all(after.count(index) == before.count(index) for index in committed)
        assert committed <= raw_parts(program)
        committed = raw_parts(program)
    before = computed(program)
    assert f"SUMS {SUMS}" in program.run()
    after = computed(program)
    assert all(after.count(index) == before.count(index) for index in committed)


@pytest.mark.parametrize("cluster", ["threads", None])
def test_a_job_killed_at_random_moments_ends_right(program, cluster):
    check(program, cluster, rounds=3, seed=1)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("cluster", ["threads", None])
def test_two_hundred_kills(program, cluster, seed):
    check(program, cluster, rounds=5, seed=100 + seed)
