"""Where a job runs: clusters given, current, reached by address, and started."""

from __future__ import annotations

import logging
import operator
import os
import random
import tempfile
import threading

import dask
import psutil
import pytest
from distributed import Client

from dtset import ConfigurationError, StoreNotSharedError, TSetEnvironment
from tests.programs import wait_for


def total_and_processes(env):
    def where(itr, ctx):
        return (os.getpid(), sum(itr), str(ctx.worker_id))

    found = env.range(8, parallelism=4).compute(where).collect()
    return sum(each[1] for each in found), {each[0] for each in found}, {each[2] for each in found}


@pytest.mark.parametrize("name", ["synchronous", "threads", "sync", "single-threaded"])
def test_schedulers_of_dask_run_in_this_process(store, name):
    with TSetEnvironment(store=store, cluster=name) as env:
        assert total_and_processes(env) == (28, {os.getpid()}, {"0"})
        assert env.client is None
        assert env.worker_id == 0


def test_daks_configured_scheduler_is_the_default(store):
    with dask.config.set(scheduler="synchronous"), TSetEnvironment(store=store) as env:
        assert env.parallelism == 1
        assert total_and_processes(env)[1] == {os.getpid()}


def test_given_client_cluster_and_address(store, local_cluster):
    with Client(local_cluster, set_as_default=False) as client:
        for cluster in (client, local_cluster, local_cluster.scheduler_address):
            with TSetEnvironment(store=store, cluster=cluster) as env:
                total, processes, workers = total_and_processes(env)
                assert total == 28
                assert os.getpid() not in processes
                assert workers <= {"0", "1"}
                assert env.parallelism == 2
                assert env.client is not None
        assert client.status == "running"
        assert client.submit(operator.add, 1, 2).result() == 3


def test_current_client_is_the_default(store, local_cluster):
    with Client(local_cluster) as client, TSetEnvironment(store=store) as env:
        assert env.client is client
        assert os.getpid() not in total_and_processes(env)[1]


def test_client_of_threads_in_this_process(store):
    with (
        Client(
            processes=False, n_workers=1, threads_per_worker=2, dashboard_address=":0"
        ) as client,
        TSetEnvironment(store=store, cluster=client) as env,
    ):
        assert total_and_processes(env)[:2] == (28, {os.getpid()})


def test_resources_start_processes_that_end_with_the_environment(store):
    resources = [{"cpu": 1, "ram": 512, "instances": 2}]
    with TSetEnvironment(store=store, resources=resources) as env:
        assert env.parallelism == 2
        total, processes, _ = total_and_processes(env)
        assert total == 28
        assert os.getpid() not in processes
        limits = {each["memory_limit"] for each in env.client.scheduler_info()["workers"].values()}
        assert limits == {512 * 2**20}
    wait_for(lambda: not any(map(runs, processes)))


def runs(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_cache_lies_on_the_cluster_and_survives_there(store, local_cluster):
    with TSetEnvironment(store=store, cluster=local_cluster) as env:
        cached = env.range(100, parallelism=4).map(lambda x: (x, threading.get_ident())).cache()
        assert cached.count() == 100
        assert cached.collect() == cached.collect()
        pairs = cached.map_to_tuple(lambda pair: (pair[0] % 3, 1)).keyed_reduce(operator.add)
        assert dict(pairs.collect()) == {0: 34, 1: 33, 2: 33}


class Kept:
    def __init__(self, x):
        self.x = x


def test_cached_instances_meet_the_classes_of_later_actions(store, local_cluster):
    with TSetEnvironment(store=store, cluster=local_cluster) as env:
        cached = env.range(4, parallelism=2).map(Kept).cache()
        assert cached.map(lambda kept: kept.x).collect() == [0, 1, 2, 3]
        assert type(cached.first()) is Kept
        given = env.parallelize([Kept(1), Kept(2)], 2)
        assert given.map(lambda kept: kept.x).collect() == [1, 2]


class OwnError(Exception):
    def __init__(self, code, where):
        super().__init__(f"{code} at {where}")
        self.code = code


def test_an_exception_class_of_the_users_is_the_drivers_own(store, local_cluster):
    def fail(x):
        raise OwnError(7, "x")

    for cluster in (local_cluster, "threads"):
        with TSetEnvironment(store=store, cluster=cluster) as env:
            with pytest.raises(OwnError) as caught:
                env.range(3).map(fail).collect()
            assert caught.value.code == 7
            assert "map" in caught.value.__notes__[0]


def test_a_store_that_workers_do_not_see_is_an_error(tmp_path, local_cluster, monkeypatch):
    # The workers live in the folder they were started in: a store in one that they cannot see is
    # made up by removing what the driver wrote.
    with TSetEnvironment(store=tmp_path, cluster=local_cluster, job_id="unshared") as env:
        for path in tmp_path.glob("unshared/runs/*/run.json"):
            path.unlink()
        with pytest.raises(StoreNotSharedError, match="reach"):
            env.range(3).collect()


def test_processes_scheduler_needs_no_more_than_a_guard(store):
    with TSetEnvironment(store=store, cluster="processes") as env:
        total, processes, _ = total_and_processes(env)
        assert total == 28
        assert os.getpid() not in processes


def test_memory_store_needs_threads():
    with TSetEnvironment(store="memory://here", cluster="threads", job_id="m") as env:
        assert env.range(4).persist().hit is False
        assert env.range(4).persist().hit is True
    with pytest.raises(ConfigurationError):
        TSetEnvironment(store="memory://here")


def test_actions_of_several_threads_on_one_environment(store, local_cluster):
    from concurrent.futures import ThreadPoolExecutor

    for cluster in (local_cluster, "threads"):
        with TSetEnvironment(store=store, cluster=cluster, parallelism=4) as env:

            def total(n, env=env):
                return env.range(n).map(lambda x: x + 1).persist().reduce(operator.add).first()

            with ThreadPoolExecutor(4) as pool:
                assert list(pool.map(total, [5, 6, 7, 5])) == [15, 21, 28, 15]


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), RecursionError("deep")])
def test_what_ends_programs_ends_the_action_and_not_the_workers(store, local_cluster, error):
    def fail(x):
        raise error

    for cluster in (local_cluster, "threads"):
        with TSetEnvironment(store=store, cluster=cluster) as env:
            with pytest.raises(type(error)) as caught:
                env.range(3).map(fail).collect()
            assert "map fail" in "".join(caught.value.__notes__)
            assert env.range(3).count() == 3


def test_endless_recursion_is_an_error(store, local_cluster):
    def deeper(x):
        return deeper(x + 1)

    for cluster in (local_cluster, "threads"):
        with TSetEnvironment(store=store, cluster=cluster) as env, pytest.raises(RecursionError):
            env.range(3).map(deeper).collect()


class Unsayable(Exception):
    def __str__(self):
        raise ZeroDivisionError


class Holding(Exception):
    def __init__(self, code):
        super().__init__("holding", code)
        self.code = code
        self.lock = threading.Lock()


def test_exceptions_of_all_kinds_keep_their_types_and_causes(store, local_cluster):
    class Local(ValueError):
        pass

    def chained(x):
        try:
            {}["missing"]
        except KeyError as missing:
            raise OwnError(1, "chain") from missing

    def raising(error):
        def fail(x):
            raise error

        return fail

    for cluster in (local_cluster, "threads"):
        with TSetEnvironment(store=store, cluster=cluster) as env:
            with pytest.raises(OwnError) as caught:
                env.range(1).map(chained).collect()
            assert isinstance(caught.value.__cause__, KeyError)
            with pytest.raises(Unsayable):
                env.range(1).map(lambda x: raise_(Unsayable)).collect()
            with pytest.raises(Holding) as caught:
                env.range(1).map(lambda x: raise_(Holding)).collect()
            assert caught.value.code == 7
            with pytest.raises(ValueError, match="nearest"):
                env.range(1).map(lambda x: raise_local()).collect()


def raise_(kind):
    raise kind(7) if kind is Holding else kind()


def raise_local():
    class Local(ValueError):
        pass

    raise Local("nearest")


def test_an_environment_inside_of_a_task_is_refused(store, local_cluster):
    def nested(x):
        with TSetEnvironment(store=store) as inner:
            return inner.range(3).count()

    env = TSetEnvironment(store=store, cluster=local_cluster)
    with env, pytest.raises(TypeError, match="inside of a function"):
        env.range(1).map(nested).collect()


def test_what_is_said_more_closely_wins():
    from dtset.execution.schedulers.cluster import choose_cluster

    resources = [{"instances": 3}]
    with dask.config.set({"dtset.cluster": "threads", "dtset.workers": 1}):
        assert choose_cluster("synchronous", resources, {"workers": 2}).kind == "synchronous"
        assert choose_cluster(None, resources, {"workers": 2}).kind == "2 local worker processes"
        assert choose_cluster(None, resources, {"cluster": "sync"}).kind == "sync"
        assert choose_cluster(None, resources).kind == "3 local worker processes"
        assert choose_cluster(None, None).kind == "threads"
    with dask.config.set({"dtset.workers": 1}):
        assert choose_cluster(None, None).kind == "1 local worker process"


def test_large_code_runs_on_all_workers(store, local_cluster):
    ballast = bytes(range(256)) * 1000

    def where(itr, ctx):
        import time

        time.sleep(0.3)
        return (os.getpid(), len(ballast) + sum(itr))

    with TSetEnvironment(store=store, cluster=local_cluster) as env:
        found = env.range(4, parallelism=4).compute(where).collect()
    assert [each[1] for each in found] == [256_000 + i for i in range(4)]
    assert len({each[0] for each in found}) == 2


def test_local_workers_pass_on_large_blocks_to_each_other(store, tmp_path, monkeypatch):
    # A folder whose path is too long for a socket in it.
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with TSetEnvironment(store=store, resources=[{"cpu": 1, "instances": 2}]) as env:
        blocks = env.range(8, parallelism=4).map(lambda i: (i % 2, bytes([i]) * 5_000_000)).cache()
        joined = blocks.map_to_tuple(lambda pair: pair).keyed_reduce(operator.add).collect()
        assert {key: (len(value), set(value)) for key, value in joined} == {
            key: (20_000_000, set(range(key, 8, 2))) for key in (0, 1)
        }
        levels = [logging.getLogger(name).level for name in ("distributed", "distributed.client")]
    assert not list(folder.iterdir())
    assert min(levels) > logging.CRITICAL
    assert logging.getLogger("distributed").level <= logging.WARNING


def test_two_environments_with_local_workers_live_side_by_side(store):
    resources = [{"cpu": 1, "instances": 1}]
    with TSetEnvironment(store=store, resources=resources) as first:
        with TSetEnvironment(store=store, resources=resources) as second:
            assert total_and_processes(first)[0] == total_and_processes(second)[0] == 28
            assert total_and_processes(first)[1] != total_and_processes(second)[1]
        assert total_and_processes(first)[0] == 28


def test_local_workers_draw_different_random_numbers(store):
    def drawn(itr, ctx):
        import time

        import numpy as np

        time.sleep(0.3)
        return (ctx.worker_id, np.random.random(), random.random())

    with TSetEnvironment(store=store, resources=[{"cpu": 1, "instances": 2}]) as env:
        found = env.range(4, parallelism=4).compute(drawn).collect()
    assert len({each[0] for each in found}) == 2
    assert len({each[1] for each in found}) == len({each[2] for each in found}) == 4


def test_worker_ids_of_local_processes_are_numbers(store):
    with TSetEnvironment(store=store, resources=[{"cpu": 1, "instances": 2}]) as env:
        ids = env.range(8, parallelism=8).compute(lambda itr, ctx: ctx.worker_id).collect()
    assert set(ids) <= {0, 1}
