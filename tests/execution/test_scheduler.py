"""What runs Dask graphs, by itself: in this process, and through a client."""

from __future__ import annotations

import os
import random

import dask
import dask.threaded
import pytest
from dask._task_spec import DataNode, Task, TaskRef
from distributed import Client, LocalCluster

from dtset.execution.schedulers.scheduler import (
    DistributedScheduler,
    LocalScheduler,
    WorkersLostError,
)
from dtset.execution.schedulers.waiting import Waiting


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=3, processes=False, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture(params=["synchronous", "threads", "distributed"])
def scheduler(request):
    if request.param == "distributed":
        client = request.getfixturevalue("client")
        return DistributedScheduler("distributed", client, request.node.name)
    return LocalScheduler(
        request.param, dask.get if request.param == "synchronous" else dask.threaded.get
    )


def graph(name):
    """A graph of three tasks, of which one reads the others."""
    return {
        f"{name}-one": Task(f"{name}-one", int, 1),
        f"{name}-two": Task(f"{name}-two", int, 2),
        f"{name}-sum": Task(f"{name}-sum", add, TaskRef(f"{name}-one"), TaskRef(f"{name}-two")),
    }


def add(one, other):
    return one + other


def fail():
    raise ValueError("of a task")


def test_results_come_in_the_order_of_the_keys(scheduler):
    keys = ["order-sum", "order-one"]
    assert scheduler.compute(graph("order"), keys) == [3, 1]


def test_what_is_kept_is_read_by_later_graphs(scheduler):
    kept = scheduler.keep(graph("kept"), ["kept-sum", "kept-one"])
    assert list(kept) == ["kept-sum", "kept-one"]
    later = {**kept, "later": Task("later", add, TaskRef("kept-sum"), TaskRef("kept-one"))}
    assert scheduler.compute(later, ["later"]) == [4]
    assert not scheduler.lost(kept.values())


def test_an_exception_of_a_task_is_raised_as_it_is(scheduler):
    failing = {**graph("fail"), "fail": Task("fail", fail)}
    with pytest.raises(ValueError, match="of a task"):
        scheduler.compute(failing, ["fail-sum", "fail"])
    assert scheduler.compute(graph("after"), ["after-sum"]) == [3]


def test_threads_are_counted(scheduler):
    expected = {"synchronous": 1, "distributed": 3, "threads": os.cpu_count()}
    assert scheduler.threads() == expected[scheduler.kind]


def test_what_a_task_changes_in_this_process_is_put_back(tmp_path):
    def change():
        os.chdir(tmp_path)
        random.seed(1)
        return random.random()

    state, folder = random.getstate(), os.getcwd()
    LocalScheduler("synchronous", dask.get).compute({"change": Task("change", change)}, ["change"])
    assert random.getstate() == state
    assert os.getcwd() == folder


def test_results_that_the_cluster_forgot_are_lost(client):
    scheduler = DistributedScheduler("distributed", client, "forgotten")
    kept = scheduler.keep(graph("forgotten"), ["forgotten-sum"])
    scheduler.cancel(kept.values())
    assert scheduler.lost(kept.values())
    later = {**kept, "of-lost": Task("of-lost", add, TaskRef("forgotten-sum"), 1)}
    with pytest.raises(WorkersLostError):
        scheduler.compute(later, ["of-lost"])


def test_what_is_begun_and_what_is_put_may_be_read_before_it_is_done(client):
    scheduler = DistributedScheduler("distributed", client, "begun")
    begun = scheduler.begin(graph("begun"), ["begun-sum"])
    put = scheduler.put({"put": 10})
    later = {**begun, **put, "both": Task("both", add, TaskRef("begun-sum"), TaskRef("put"))}
    assert scheduler.compute(later, ["both"]) == [13]


def test_data_of_a_graph_are_results_like_others(scheduler):
    data = {"data": DataNode("data", 5), "read": Task("read", add, TaskRef("data"), 1)}
    assert scheduler.compute(data, ["read"]) == [6]


def test_a_worker_that_goes_while_the_cluster_is_looked_at_is_no_error(client, monkeypatch):
    class WithOneThatGoes:
        def __init__(self, scheduler):
            self.scheduler = scheduler

        def __getattr__(self, name):
            return getattr(self.scheduler, name)

        async def ncores_running(self):
            return {**await self.scheduler.ncores_running(), "tcp://127.0.0.1:9": 1}

    with monkeypatch.context() as patched:
        patched.setattr(client, "scheduler", WithOneThatGoes(client.scheduler))
        why = client.sync(Waiting("a cluster", client, None, for_tasks=True)._why_idle)
    assert why.startswith("it has no worker that may run the tasks")
