"""The default cluster: begins in this process, goes over to workers, and computes nothing twice."""

from __future__ import annotations

import asyncio
import decimal
import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtset import TSetEnvironment, UsageError
from dtset.execution.schedulers import cluster as clusters
from dtset.execution.schedulers import embedded
from dtset.execution.schedulers.cluster import Cluster
from dtset.execution.schedulers.embedded import EmbeddedScheduler, StartedWorkers
from dtset.execution.schedulers.scheduler import DistributedScheduler
from dtset.execution.workers.local_processes import LocalProcesses
from tests.properties import examples


@pytest.fixture(scope="module")
def processes():
    """Two worker processes that several environments go over to."""
    started = LocalProcesses([(2, 1, None)])
    try:
        yield started, started.start()
    finally:
        started.close()


class _Lent:
    """Worker processes that whoever goes over to them leaves as they are."""

    def close(self, timeout):
        pass


@pytest.fixture
def lent(processes, monkeypatch):
    """Let environments without a cluster= go over to the workers that are up."""

    def lending(count: int) -> Cluster:
        def connect(run_id: str):
            def start() -> DistributedScheduler:
                return DistributedScheduler("lent", processes[1], run_id, processes[0])

            scheduler = EmbeddedScheduler("lent", 2, StartedWorkers(_Lent(), start))
            return scheduler, (scheduler,)

        return Cluster("lent", connect, known_threads=2)

    monkeypatch.setattr(clusters, "_embedded", lending)


def children() -> set[int]:
    return {process.pid for process in psutil.Process().children(recursive=True)}


def test_small_flows_run_in_the_main_thread_and_start_no_process(store):
    before = children()

    def where(itr, ctx):
        total = sum(itr)
        return (
            total,
            ctx.worker_id,
            os.getpid(),
            threading.current_thread() is threading.main_thread(),
        )

    with TSetEnvironment(store=store, job_id="small") as env:
        flow = env.range(100, parallelism=4).map(lambda x: x + 1).persist()
        found = flow.compute(where).collect()
        assert flow.map_to_tuple(lambda x: (x % 3, x)).keyed_reduce(max).count() == 3
        assert flow.reduce(max).first() == 100
        assert children() == before
    assert [each[1:] for each in found] == [(0, os.getpid(), True)] * 4
    with TSetEnvironment(store=store, job_id="small") as env:
        again = env.range(100, parallelism=4).map(lambda x: x + 1).persist()
        assert again.hit is True
        assert again.collect() == list(range(1, 101))
        assert children() == before


def test_a_long_partition_here_is_no_reason_to_wait_for_workers(store, tmp_path):
    # The first partition ends when the last one has run: on a worker, while the first runs here.
    mark = str(tmp_path / "mark")

    def run(itr, ctx):
        if ctx.index == 0:
            while not Path(mark).exists():
                time.sleep(0.01)
        time.sleep(0.2)
        if ctx.index == 7:
            Path(mark).touch()
        return ctx.index, os.getpid()

    with TSetEnvironment(store=store, job_id="long") as env:
        found = env.range(8, parallelism=8).compute(run).collect()
        assert env.client.status == "running"
    assert [index for index, _ in found] == list(range(8))
    assert found[0][1] == os.getpid()
    assert found[7][1] != os.getpid()


def test_what_was_committed_here_is_not_computed_again_by_workers(store, tmp_path, lent):
    folder = str(tmp_path)

    def noted(itr, ctx):
        with (Path(folder) / str(ctx.index)).open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(0.05)
        yield from itr

    with TSetEnvironment(store=store, job_id="once") as env:
        persisted = env.range(100, parallelism=50).compute(noted).persist()
        assert persisted.collect() == list(range(100))
    ran = {path.name: path.read_text().split() for path in tmp_path.iterdir()}
    assert sorted(map(int, ran)) == list(range(50))
    assert all(len(pids) == 1 for pids in ran.values())
    assert len({pids[0] for pids in ran.values()}) > 1


def stopping_after(count: int, monkeypatch) -> None:
    """Let an action go over before its partition of this number begins, by its own or by a worker being up."""
    begins, begun = embedded._Flow._begins, Counter()

    def limited(flow, key, place):
        begun[flow] += 1
        if begun[flow] > count:
            flow.stop()
        return begins(flow, key, place)

    monkeypatch.setattr(embedded._Flow, "_begins", limited)


def flows(env):
    """Results of flows of every shape."""
    numbers = env.range(40, parallelism=6).map(lambda x: x * 3)
    yield numbers.collect()
    yield numbers.filter(lambda x: x % 2).count()
    yield numbers.reduce(lambda a, b: a + b).first()
    pairs = numbers.map_to_tuple(lambda x: (x % 5, x)).keyed_reduce(lambda a, b: a + b)
    yield sorted(pairs.collect())
    yield pairs.map(lambda pair: pair[1]).reduce(max).first()
    cached = pairs.map(lambda pair: pair[0]).cache()
    yield sorted(cached.collect())
    yield cached.reduce(lambda a, b: a + b).first()
    persisted = cached.map(lambda x: x + 1).persist("kept")
    yield sorted(persisted.map(str).collect())
    yield persisted.take(2) == persisted.collect()[:2]


@pytest.mark.parametrize("count", range(14))
def test_results_are_the_same_wherever_an_action_goes_over(store, lent, monkeypatch, count):
    with TSetEnvironment(store=store, cluster="synchronous", job_id="expected") as env:
        expected = list(flows(env))
    stopping_after(count, monkeypatch)
    with TSetEnvironment(store=store, job_id=f"{count}") as env:
        assert list(flows(env)) == expected


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_workers_that_are_up_take_what_does_not_wait_for_this_process(
    store, lent, monkeypatch, count
):
    """As `share` does when workers are up in the middle of a partition."""
    with TSetEnvironment(store=store, cluster="synchronous", job_id="expected") as env:
        expected = list(flows(env))
    results, shared = embedded.partition_results, Counter()

    def sharing(*arguments):
        for number, result in enumerate(results(*arguments)):
            flow = current[-1]
            if number >= count and not flow._stopped:
                shared[flow] += 1
                flow.share(env._session.cluster.scheduler("")._workers.wait())
            yield result

    current = []
    run = embedded._Flow.run

    def running(flow):
        current.append(flow)
        run(flow)

    monkeypatch.setattr(embedded, "partition_results", sharing)
    monkeypatch.setattr(embedded._Flow, "run", running)
    with TSetEnvironment(store=store, job_id=f"{count}") as env:
        assert list(flows(env)) == expected
    assert shared or count > 0


def test_near_half_of_the_free_memory_nothing_more_begins_here(store, lent, monkeypatch):
    monkeypatch.setattr(embedded, "_MOST_OF_MEMORY", 0.0)

    def hoard(itr, ctx):
        hoarded = [bytes(2**25)]
        time.sleep(0.2)
        return os.getpid(), len(hoarded)

    with TSetEnvironment(store=store) as env:
        found = env.range(8, parallelism=8).compute(hoard).collect()
    assert found[0][0] == os.getpid()
    assert found[-1][0] != os.getpid()


@pytest.mark.parametrize("cluster", [None, "synchronous", "threads"])
def test_what_functions_change_of_this_process_is_put_back(store, tmp_path, cluster):
    def change(itr, ctx):
        os.chdir("/")
        os.environ["DTSET_TEST"] = "changed"
        os.environ.pop("PATH")
        random.seed(1)
        np.random.seed(1)
        decimal.getcontext().prec = 3
        return sum(itr)

    random.seed(7)
    np.random.seed(7)
    expected = random.Random(7).random(), np.random.RandomState(7).random()
    before = os.getcwd(), dict(os.environ), decimal.getcontext().prec
    with TSetEnvironment(store=store, cluster=cluster) as env:
        assert env.range(4, parallelism=1).compute(change).collect() == [6]
    assert (os.getcwd(), dict(os.environ), decimal.getcontext().prec) == before
    assert (random.random(), np.random.random()) == expected


def test_functions_may_run_an_event_loop_where_one_is_running(store):
    """As in a notebook, whose cells run inside of one."""

    async def later(x):
        await asyncio.sleep(0)
        return x + 1

    async def cell():
        with TSetEnvironment(store=store) as env:
            found = env.range(3, parallelism=1).map(lambda x: asyncio.run(later(x))).collect()
        assert asyncio.get_running_loop() is not None
        return found

    assert asyncio.run(cell()) == [1, 2, 3]


def test_an_error_here_gives_up_what_was_sent_to_workers(store, lent):
    def fail(itr, ctx):
        if ctx.index == 0:
            time.sleep(1.5)
            raise KeyError("here")
        time.sleep(0.3)
        return ctx.index

    with TSetEnvironment(store=store) as env:
        flow = env.range(40, parallelism=40).compute(fail)
        with pytest.raises(KeyError, match="here"):
            flow.collect()
        assert env.range(3).collect() == [0, 1, 2]


@settings(max_examples=examples(25), deadline=None)
@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.integers(0, 30),
    st.booleans(),
)
def test_any_graph_is_cut_into_what_is_done_and_what_is_left(sizes, begun, in_the_middle):
    """The tasks left of a graph, and those that wait for nothing here, are all that is not done."""
    from dask._task_spec import Task, TaskRef

    from dtset.execution.stage import GroupResult
    from dtset.execution.tasks import run_group

    graph, below, first = {}, [], 0
    for number, size in enumerate(sizes):
        key = (f"group-{number}", "0")
        partitions = range(first, first + size)
        graph[key] = Task(key, run_group, None, None, partitions, None, *map(TaskRef, below))
        below = [key] if number % 2 else [*below, key]
        first += size
    flow = embedded._Flow(graph, list(graph))
    done = 0
    for key in flow._left():
        partitions = graph[key].args[2]
        for place in range(len(partitions)):
            if done == begun:
                if in_the_middle and place:
                    name = flow._cut(key, place - 1)
                    assert flow._cut(key, place - 1) == name
                    flow._finished(name, GroupResult({}))
                flow.stop()
                assert not flow._begins(key, place)
                break
            assert flow._begins(key, place)
            done += 1
        else:
            flow._finished(key, GroupResult({}))
            continue
        break
    left = flow._left()
    still = sum(len(embedded._partitions(flow._graph[key])) for key in left)
    if in_the_middle or still == 0:
        assert still == first - min(begun, first)
    assert set(flow._free(set())) == set(left)


def test_the_drivers_random_state_is_the_same_after_a_hand_over(store):
    def slow(x):
        time.sleep(0.3)
        return x

    random.seed(3)
    before = random.getstate()
    with TSetEnvironment(store=store) as env:
        assert env.range(12, parallelism=12).map(slow).collect() == list(range(12))
        assert env.client is not None
        assert random.getstate() == before


def test_a_signals_handler_may_call_an_action_while_another_computes(store):
    found = []

    def slow(x):
        time.sleep(0.3)
        return x

    with TSetEnvironment(store=store) as env:
        other = env.range(5, parallelism=1)
        handler = signal.signal(signal.SIGALRM, lambda *_: found.append(other.count()))
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            assert env.range(3, parallelism=1).map(slow).collect() == [0, 1, 2]
        finally:
            signal.signal(signal.SIGALRM, handler)
    assert found == [5]


def test_a_fork_is_told_to_make_an_environment_of_its_own(store, lent):
    with TSetEnvironment(store=store) as env:
        assert env.client is not None
        child = os.fork()
        if child == 0:
            try:
                env.range(4, parallelism=2).collect()
            except UsageError:
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert env.range(4, parallelism=2).collect() == [0, 1, 2, 3]
