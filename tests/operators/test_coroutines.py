"""Coroutine functions of elements: many at once, in order, in one event loop a run."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import threading
import time
from contextlib import contextmanager

import hypothesis
import pytest
from hypothesis import strategies as st

import dtset
from dtset import ConfigurationError, TSetEnvironment, UsageError
from dtset.operators.kernels.attempts import awaited
from dtset.operators.kernels.driver import driven
from dtset.operators.kernels.event_loop import end_loop
from dtset.operators.kernels.failure import Place
from dtset.plan.attempts import Attempts
from dtset.storage.batch import Rows
from tests.properties import examples


def loops():
    return [each for each in threading.enumerate() if each.name == "dtset event loop"]


@pytest.fixture(autouse=True)
def no_loop_is_left():
    before = set(loops())
    yield
    assert set(loops()) == before


async def doubled(x):
    await asyncio.sleep(0.001 * (x % 3))
    return 2 * x


async def is_even(x, ctx):
    await asyncio.sleep(0)
    return x % 2 == ctx.index * 0


async def repeated(x):
    return [x] * (x % 3)


async def yielded(x):
    for each in range(x % 3):
        await asyncio.sleep(0)
        yield each


async def collected(x, collector):
    await asyncio.sleep(0)
    collector.collect(x)
    collector.collect(-x)


class Called:
    async def __call__(self, x):
        return x + 1


def flow(env):
    numbers = env.range(40, parallelism=3)
    even = numbers.map(doubled).map(lambda x: x // 2).filter(is_even)
    return even.map(Called()).flat_map(repeated).flat_map(yielded).flat_map(collected)


def expected():
    even = [x + 1 for x in range(40) if x % 2 == 0]
    repeats = [x for x in even for _ in range(x % 3)]
    return [sign * x for each in repeats for x in range(each % 3) for sign in (1, -1)]


@pytest.mark.parametrize("cluster", ["synchronous", "threads", "processes", None])
def test_they_give_what_plain_functions_give_in_every_scheduler(store, cluster):
    with TSetEnvironment(store=store, cluster=cluster) as env:
        assert flow(env).collect() == expected()
        assert len(loops()) <= 1
    assert not loops()


def loops_on_worker():
    return len(loops())


def test_on_a_cluster_that_goes_on_the_loops_end_with_the_run(store, local_cluster, caplog):
    with TSetEnvironment(store=store, cluster=local_cluster) as env:
        assert flow(env).collect() == expected()
        seen = env.client.run(loops_on_worker)
        assert set(seen.values()) == {1}
        env.range(9, parallelism=3).map(failing_at_three, on_error="skip").collect()
        assert "map failing_at_three, partition 1: 1 skipped, the last for ValueError: 3" in (
            caplog.text
        )
    deadline = time.monotonic() + 10
    with TSetEnvironment(store=store, cluster=local_cluster) as env:
        env.range(1).collect()
        while any(env.client.run(loops_on_worker).values()):
            assert time.monotonic() < deadline
            time.sleep(0.05)


async def failing_at_three(x):
    if x == 3:
        raise ValueError(x)
    return x


def test_they_work_inside_a_running_loop(env):
    async def cell():
        return env.range(5, parallelism=2).map(doubled).collect()

    assert asyncio.run(cell()) == [0, 2, 4, 6, 8]


def through(function, batches, *, limit=64, concurrency=4, run_id="test", made=None, **attempts):
    handler = awaited(
        function,
        made or (lambda element, result: [result]),
        Attempts(concurrency, **attempts),
        Place("map", "f", 0),
        limit,
        run_id,
        int,
    )
    return driven((Rows(batch) for batch in batches), [handler])


@contextmanager
def run_of_test():
    try:
        yield
    finally:
        end_loop("test", wait=True)


@hypothesis.settings(max_examples=examples(60), deadline=None)
@hypothesis.given(
    batches=st.lists(st.lists(st.integers(0, 50), max_size=30), max_size=8),
    limit=st.integers(1, 20),
    concurrency=st.integers(1, 9),
    seed=st.randoms(use_true_random=False),
)
def test_any_that_end_in_any_order_give_results_in_the_order_of_elements(
    batches, limit, concurrency, seed
):
    running, most = 0, 0

    async def f(x):
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(seed.randrange(4)):
            await asyncio.sleep(0)
        running -= 1
        return [x] * (x % 4)

    with run_of_test():
        flows = through(
            f, batches, limit=limit, concurrency=concurrency, made=lambda element, result: result
        )
        given = [x for batch in flows for x in batch.rows()]
    assert given == [x for batch in batches for x in batch for _ in range(x % 4)]
    assert most <= concurrency


def test_as_many_run_at_once_as_may_though_batches_are_short():
    most = running = 0
    everyone = asyncio.Event()

    async def f(x):
        nonlocal most, running
        running += 1
        most = max(most, running)
        if running == 8:
            everyone.set()
        await asyncio.wait_for(everyone.wait(), 20)
        running -= 1
        return x

    with run_of_test():
        flows = through(f, [[x] for x in range(32)], concurrency=8)
        assert [x for batch in flows for x in batch.rows()] == list(range(32))
    assert most == 8


def test_what_is_ahead_of_its_consumer_is_bounded():
    asked = begun = 0

    def batches():
        nonlocal asked
        for start in range(0, 100_000, 100):
            asked += 100
            yield list(range(start, start + 100))

    async def f(x):
        nonlocal begun
        begun += 1
        return x

    with run_of_test():
        flows = through(f, batches(), limit=100)
        for count in range(1, 20):
            next(flows)
            assert asked <= 100 * (count + 3)
        flows.close()
        assert begun <= asked


def test_large_results_make_pieces_short():
    async def f(x):
        return bytes(2**20)

    with run_of_test():
        flows = through(f, [list(range(512))], limit=512)
        lengths = [len(batch) for batch in flows]
    assert sum(lengths) == 512
    assert max(lengths[2:]) <= 8


def test_an_exception_cancels_the_rest_and_says_where(env):
    cancelled = []
    begun = threading.Event()

    async def f(x):
        if x == 11:
            begun.set()
            raise KeyError("eleven")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(x)
            raise

    started = time.monotonic()
    with pytest.raises(KeyError, match="eleven") as caught, run_of_test():
        list(through(f, [[1, 2, 3], [10, 11, 12, 13]], concurrency=5))
    assert time.monotonic() - started < 20
    assert sorted(cancelled) == [1, 2, 3, 10]
    assert caught.value.__notes__ == ["dtset: raised in map f, partition 0, element 4"]


def test_what_ending_raises_becomes_a_note():
    async def f(x):
        if x == 1:
            await asyncio.sleep(0.01)
            raise KeyError("first")
        try:
            await asyncio.sleep(60)
        finally:
            raise OSError("second")

    with pytest.raises(KeyError, match="first") as caught, run_of_test():
        list(through(f, [[0, 1]]))
    assert "OSError: second" in "".join(caught.value.__notes__)


def test_a_consumer_that_wants_no_more_cancels_what_runs():
    ended = []
    others = asyncio.Event()

    async def f(x):
        if x == 2:
            others.set()
        try:
            await (asyncio.sleep(60) if x else others.wait())
        finally:
            ended.append(x)
        return x

    with run_of_test():
        flows = through(f, [[0], [1, 2, 3], [4]], concurrency=3)
        assert next(flows).rows() == [0]
        flows.close()
    assert sorted(ended)[:3] == [0, 1, 2]


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError]
)
def test_what_is_no_exception_is_raised_and_the_loop_goes_on(error):
    calls = []

    async def f(x):
        calls.append(x)
        raise error

    with run_of_test():
        with pytest.raises(error):
            list(through(f, [[1]], retries=3, on_error="skip"))
        assert calls == [1]
        assert [batch.rows() for batch in through(doubled, [[1]])] == [[2]]


def test_a_loop_that_a_stray_task_ends_is_said_and_another_begun():
    async def leave():
        raise SystemExit

    async def f(x):
        task = asyncio.create_task(leave())
        await asyncio.sleep(60)
        return task

    with run_of_test():
        with pytest.raises((dtset.DTSetError, asyncio.CancelledError)):
            list(through(f, [[1]]))
        while loops():
            time.sleep(0.01)
        assert [batch.rows() for batch in through(doubled, [[1]])] == [[2]]


def test_an_interrupt_cancels_what_runs():
    ended = []

    async def f(x):
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(x)

    with pytest.raises(KeyboardInterrupt), run_of_test():
        list(through(f, [[1]]))
    assert ended == [1]


def test_a_coroutine_sees_the_context_of_its_task_and_changes_its_own_alone():
    variable = contextvars.ContextVar("variable", default=0)

    async def f(x):
        seen = variable.get()
        variable.set(x)
        await asyncio.sleep(0)
        return seen, variable.get()

    variable.set(7)
    with run_of_test():
        (batch,) = through(f, [[0, 1, 2]])
    assert batch.rows() == [(7, 0), (7, 1), (7, 2)]
    assert variable.get() == 7


async def printed(x):
    await asyncio.sleep(0)
    print("at", x)


@pytest.mark.parametrize("cluster", ["threads", "local"])
def test_what_coroutines_print_reaches_the_driver(store, cluster, capsys, request):
    if cluster == "local":
        cluster = request.getfixturevalue("local_cluster")
    with TSetEnvironment(store=store, cluster=cluster) as env:
        env.range(2, parallelism=1).for_each(printed)
    assert capsys.readouterr().out.endswith("at 0\nat 1\n")


def test_what_one_coroutine_opened_serves_others_until_the_run_ends(env):
    def loop_of_run():
        async def f(x):
            return id(asyncio.get_running_loop())

        return env.range(6, parallelism=3).map(f).collect()

    assert len({*loop_of_run(), *loop_of_run()}) == 1
    assert len(loops()) == 1
    env.close()
    assert not loops()


def test_tasks_that_were_left_in_the_loop_are_cancelled_when_the_run_ends(store):
    ended = []

    async def stay():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("stay")

    async def f(x):
        f.task = asyncio.create_task(stay())
        return x

    with run_of_test():
        assert [batch.rows() for batch in through(f, [[1]])] == [[1]]
        assert not ended
    assert ended == ["stay"]


def test_a_coroutine_takes_no_longer_than_it_may():
    async def f(x):
        await asyncio.sleep(60 * x)
        return x

    with run_of_test(), pytest.raises(TimeoutError, match=r"longer than timeout=0\.05"):
        list(through(f, [[0, 1]], timeout=0.05))
    with run_of_test():
        kept = list(through(f, [[0, 1, 0]], timeout=0.05, on_error="keep"))
    assert kept[0].rows() == [
        0,
        dtset.Failed(1, "TimeoutError: it took longer than timeout=0.05"),
        0,
    ]


def test_settings_are_checked_before_anything_runs(env):
    numbers = env.range(3)
    with pytest.raises(UsageError, match=r"timeout=…\) is of an async function"):
        numbers.map(abs, timeout=3)
    with pytest.raises(UsageError, match=r"concurrency=…\) is of an async function"):
        numbers.for_each(abs, concurrency=3)
    for wrong in ({"concurrency": 0}, {"timeout": 0}, {"timeout": "3"}, {"retries": -1}):
        with pytest.raises(ConfigurationError, match=f"{next(iter(wrong))}=…"):
            numbers.filter(doubled, **wrong)
    with pytest.raises(ConfigurationError, match="one of 'raise', 'skip', 'keep', and was given 1"):
        numbers.flat_map(repeated, on_error=1)
    with pytest.raises(ConfigurationError, match="one of 'raise', 'skip', and was given 'keep'"):
        numbers.lazy_for_each(print, on_error="keep")
    with pytest.raises(TypeError, match=r"map\(\) got an unexpected keyword argument 'retry'"):
        numbers.map(abs, retry=3)


def test_the_setting_decides_where_nothing_is_said(env):
    most = running = 0

    async def f(x):
        nonlocal most, running
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return most

    import dask

    with dask.config.set({"dtset.concurrency": 2}):
        few = env.range(30, parallelism=1).map(f)
    assert max(few.collect()) == 2
    assert max(env.range(64, parallelism=1).map(f).collect()) == 32
    assert max(env.range(64, parallelism=1).map(f, concurrency=5).collect()) == 5
