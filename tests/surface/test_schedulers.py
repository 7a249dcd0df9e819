"""Where a job runs: clusters given, current, reached by address, and started."""

from __future__ import annotations

import operator
import os
import threading

import dask
import psutil
import pytest
from distributed import Client, LocalCluster

from dtset import ConfigurationError, StoreNotSharedError, TSetEnvironment
from tests.programs import wait_for


@pytest.fixture(scope="module")
def local_cluster():
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster


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
            processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None
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
