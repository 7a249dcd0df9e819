"""Jobs on a cluster of Dask's command-line processes, which loses some of them."""

from __future__ import annotations

from tests.crash.test_kill import SLOW, SUM, _without, computed
from tests.programs import kill_all, wait_for


def test_job_survives_a_killed_worker_and_restarts_on_the_same_cluster(program, cluster):
    program.write(SLOW.replace("CLUSTER", repr(cluster.address)))
    process = program.start()
    wait_for(lambda: len(program.parts()) >= 2)
    committed = program.parts()
    kill_all(cluster.workers[0])
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert f"SUM {SUM}" in out
    runs = computed(program)
    assert all(runs.count(str(index)) == 1 for index in committed), runs
    out = program.run()
    assert "HIT True" in out
    assert f"SUM {SUM}" in out
    assert computed(program) == runs


def test_job_killed_on_a_cluster_restarts_there(program, cluster):
    program.write(SLOW.replace("CLUSTER", repr(cluster.address)))
    process = program.start()
    wait_for(lambda: len(program.parts()) >= 3)
    kill_all(process)
    out = program.run()
    assert f"SUM {SUM}" in out
    assert "HIT False" not in out


def test_job_whose_scheduler_died_says_so_and_restarts_on_another(program, cluster, tmp_path):
    program.write(SLOW.replace("CLUSTER", "None"))
    process = program.start(
        DASK_DTSET__CLUSTER=cluster.address, DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="600s"
    )
    wait_for(lambda: len(program.parts()) >= 3)
    kill_all(cluster.processes[0])
    committed = program.parts()
    _, err = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "nobody listens" in err
    assert "`dtset restart job" in err
    assert "distributed.client" not in err
    before = computed(program)
    out = program.run(DASK_DTSET__CLUSTER="threads")
    assert f"SUM {SUM}" in out
    again = {int(each) for each in _without(computed(program), before)}
    assert not again & committed


def test_a_cluster_that_loses_all_workers_is_waited_for_and_said(program, cluster):
    # Slow enough to be still at it when both workers are gone.
    program.write(SLOW.replace("CLUSTER", repr(cluster.address)).replace("0.02", "0.1"))
    process = program.start()
    wait_for(lambda: len(program.parts()) >= 2)
    committed = program.parts()
    for worker in cluster.workers:
        kill_all(worker)
    said = process.stderr.readline()
    while "waiting for" not in said:
        assert said, "it has ended"
        said = process.stderr.readline()
    assert f"waiting for {cluster.address}" in said
    assert "it has no workers" in said
    assert f"`dask worker {cluster.address}` starts one" in said
    cluster.start_worker()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert f"SUM {SUM}" in out
    runs = computed(program)
    assert all(runs.count(str(index)) == 1 for index in committed), runs


NO_WORKER = """
import dask
from dtset import TSetEnvironment

with TSetEnvironment() as env, dask.annotate(resources={"GPU": 1}):
    print(env.range(3).count())
"""


def test_tasks_that_no_worker_may_run_are_said(program, cluster):
    program.write(NO_WORKER)
    process = program.start(DASK_DTSET__CLUSTER=cluster.address)
    said = process.stderr.readline()
    while "no worker that may run" not in said:
        assert said, "it has ended"
        said = process.stderr.readline()
    cluster.start_worker("--resources", "GPU=1")
    out, err = process.communicate(timeout=120)
    assert (out, process.returncode) == ("3\n", 0), err


PRINTING = """
import sys
from dtset import TSetEnvironment

def shout(x, ctx):
    print("element", x, "of partition", ctx.index)
    return x

with TSetEnvironment() as env:
    env.range(6, parallelism=3).map(shout).persist()
    env.range(6, parallelism=3).compute(push).for_each(lambda x: print("seen", x))
"""
PUSH = """
def push(itr, collector, ctx):
    for x in itr:
        print("pushed", x)
        collector.collect(x)
"""


def test_what_functions_print_reaches_the_drivers_stdout_once(program, cluster):
    program.write(PUSH + PRINTING)
    expected = sorted(
        [f"element {x} of partition {x // 2}" for x in range(6)]
        + [f"pushed {x}" for x in range(6)]
        + [f"seen {x}" for x in range(6)]
    )
    for where in (cluster.address, "threads", "synchronous", None):
        program.job_id = f"job-{str(where)[:3]}"
        environment = {} if where is None else {"DASK_DTSET__CLUSTER": where}
        assert sorted(program.run(**environment).splitlines()) == expected, where


CACHING = """
import time
from pathlib import Path
from dtset import TSetEnvironment

folder = Path(__file__).parent
with TSetEnvironment() as env:
    cached = env.range(1000, parallelism=8).map(lambda x: 2 * x).cache()
    (folder / "cached").touch()
    while not (folder / "go").exists():
        time.sleep(0.05)
    print("SUM", cached.reduce(lambda a, b: a + b).first())
    print("PERSISTED", cached.map(str).persist().count())
"""


def test_a_cache_that_was_lost_with_its_workers_comes_back(program, cluster):
    program.write(CACHING)
    process = program.start(DASK_DTSET__CLUSTER=cluster.address)
    wait_for((program.folder / "cached").exists)
    for worker in cluster.workers:
        kill_all(worker)
    cluster.start_worker()
    (program.folder / "go").touch()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert f"SUM {2 * sum(range(1000))}" in out
    assert "PERSISTED 1000" in out
