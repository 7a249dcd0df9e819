"""Targets of an exchange are made from one deal, whoever is killed between its map side and its targets."""

from __future__ import annotations

import pytest

from tests.programs import kill_all, wait_for

PROGRAM = """
import os, random, time
from dtset import TSetEnvironment

def by_chance(i):
    return random.SystemRandom().randrange(8), i

def slowly(itr, ctx):
    time.sleep(1)
    yield from itr

env = TSetEnvironment(job_id="job", store="store", cluster=CLUSTER)
dealt = env.range(4000, parallelism=8).map(by_chance).partition(lambda pair: pair[0])
kept = dealt.compute(slowly).persist("kept")
print("HIT", kept.hit)
print("WHOLE", sorted(i for _, i in kept.collect()) == list(range(4000)))
env.close()
"""


@pytest.mark.parametrize("memory", ["0", "64 MiB"])
def test_a_worker_that_dies_among_the_targets_loses_and_doubles_nothing(program, cluster, memory):
    program.write(PROGRAM.replace("CLUSTER", repr(cluster.address)))
    process = program.start(DASK_DTSET__EXCHANGE__MEMORY=memory)
    wait_for(lambda: len(program.parts()) >= 2)
    kill_all(cluster.workers[0])
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "WHOLE True" in out
    assert not list((program.folder / "store" / "job" / "runs").glob("*/exchange/*/*"))


@pytest.mark.parametrize("memory", ["0", "64 MiB"])
def test_a_driver_that_dies_among_the_targets_goes_on_with_one_deal(program, memory):
    program.write(PROGRAM.replace("CLUSTER", "'threads'"))
    process = program.start(DASK_DTSET__EXCHANGE__MEMORY=memory)
    wait_for(lambda: len(program.parts()) >= 2)
    kill_all(process)
    out = program.run(DASK_DTSET__EXCHANGE__MEMORY=memory)
    assert "WHOLE True" in out
    # What the dead run had sent is gone with it.
    assert not list((program.folder / "store" / "job" / "runs").glob("*/exchange"))
