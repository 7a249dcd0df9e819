"""Functions of elements that are tried again, and elements that are skipped or kept where they fail."""

from __future__ import annotations

import logging
import time
from itertools import pairwise
from pathlib import Path

import dask
import pytest

import dtset
from dtset import Failed, TSetEnvironment
from dtset.operators.kernels import attempts
from dtset.operators.kernels.attempts import tried
from dtset.operators.kernels.driver import driven
from dtset.operators.kernels.event_loop import end_loop
from dtset.operators.kernels.failure import Place
from dtset.plan.attempts import Attempts
from dtset.storage.batch import Rows


def inverse(x):
    return 10 // x


def is_low(x):
    return 10 // x < 5


def twice(x):
    yield x
    yield 10 // x


def into(x, collector):
    collector.collect(x)
    collector.collect(10 // x)


async def later(x):
    return 10 // x


async def many(x):
    yield x
    yield 10 // x


ZERO = Failed(0, "ZeroDivisionError: integer division or modulo by zero")
CASES = [
    ("map", inverse, [5, ZERO, 10]),
    ("map", later, [5, ZERO, 10]),
    ("filter", is_low, [ZERO]),
    ("flat_map", twice, [2, 5, ZERO, 1, 10]),
    ("flat_map", into, [2, 5, ZERO, 1, 10]),
    ("flat_map", many, [2, 5, ZERO, 1, 10]),
]


@pytest.mark.parametrize(("name", "function", "kept"), CASES)
def test_an_element_that_fails_is_raised_skipped_or_kept(env, caplog, name, function, kept):
    operation = getattr(env.parallelize([2, 0, 1], 1), name)
    with pytest.raises(ZeroDivisionError) as caught:
        operation(function).collect()
    assert any("partition 0, element 1" in note for note in caught.value.__notes__)
    assert operation(function, on_error="keep").collect() == kept
    with caplog.at_level(logging.WARNING, "dtset"):
        left = operation(function, on_error="skip").collect()
    assert left == [each for each in kept if each != ZERO]
    assert caplog.messages == [
        f"{name} {function.__name__}, partition 0: 1 skipped, the last for {ZERO.error}"
    ]


def test_what_a_function_collected_before_it_failed_is_not_given(env):
    calls = []

    def f(x, collector):
        calls.append(x)
        collector.collect(len(calls))
        if len(calls) < 3:
            raise OSError

    assert env.range(1, parallelism=1).flat_map(f, retries=2).collect() == [3]


@pytest.mark.parametrize("is_async", [False, True])
def test_it_is_called_again_after_growing_pauses(env, is_async):
    times = []

    def f(x):
        times.append(time.monotonic())
        if len(times) < 4:
            raise OSError("not yet")
        return times

    async def awaited(x):
        return f(x)

    (times,) = env.range(1).map(awaited if is_async else f, retries=3).collect()
    pauses = [after - before for before, after in pairwise(times)]
    assert all(pause >= least for pause, least in zip(pauses, (0.09, 0.19, 0.39), strict=True))


def test_the_last_exception_is_raised_when_calls_are_used_up(env):
    calls = []

    def f(x):
        calls.append(x)
        raise OSError(f"call {len(calls)}")

    with pytest.raises(OSError, match="call 3") as caught:
        env.parallelize([7], 1).map(f, retries=2).collect()
    assert "element 0" in "".join(caught.value.__notes__)


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, SystemExit, dtset.CorruptCheckpointError, GeneratorExit]
)
def test_what_is_not_the_functions_to_raise_is_never_skipped(error):
    calls = []

    def f(x):
        calls.append(x)
        raise error

    handler = tried(
        f,
        lambda element, result: [result],
        Attempts(1, 3, None, "skip"),
        Place("map", "f", 0),
        9,
        int,
    )
    with pytest.raises(error):
        list(driven((Rows(batch) for batch in [[1, 2]]), [handler]))
    assert calls == [1]


def test_a_function_called_for_its_effect_may_skip(env, caplog):
    env.parallelize([2, 0, 1, 0], 1).for_each(inverse, on_error="skip", retries=1)
    assert "for_each inverse, partition 0: 2 skipped" in caplog.text


def test_batches_stay_short_where_much_is_made_of_each():
    handler = tried(
        lambda x: range(10),
        lambda _, made: made,
        Attempts(1, 1),
        Place("flat_map", "f", 0),
        20,
        int,
    )
    lengths = [len(each) for each in driven((Rows(each) for each in [[*range(50)]]), [handler])]
    assert lengths == [20] * 25


def test_what_failed_is_persisted_and_found(store):
    for hit in (False, True):
        with TSetEnvironment(store=store, cluster="synchronous", job_id="kept") as env:
            kept = env.parallelize([2, 0, 1], 2).map(inverse, on_error="keep").persist()
            assert kept.hit is hit
            assert kept.collect() == [5, ZERO, 10]


def hits(store, **trying):
    with TSetEnvironment(store=store, cluster="synchronous", job_id="counted") as env:
        return env.range(4, parallelism=2).map(is_low_later, **trying).persist().hit


async def is_low_later(x):
    return x < 2


def test_only_what_can_change_the_data_counts(store):
    assert not hits(store)
    assert hits(store, concurrency=3)
    assert hits(store, retries=3, timeout=5)
    assert hits(store, on_error="raise")
    assert not hits(store, on_error="skip")
    assert not hits(store, on_error="keep")
    assert not hits(store, on_error="skip", retries=1)
    assert not hits(store, on_error="skip", timeout=3)
    assert hits(store, on_error="skip", concurrency=9)


def test_a_plain_function_without_settings_takes_the_plain_path(env, monkeypatch):
    monkeypatch.setattr(attempts, "_Trial", None)
    assert env.parallelize([2, 1], 1).map(inverse, on_error="raise", retries=0).collect() == [5, 10]
    with pytest.raises(TypeError):
        env.parallelize([2, 1], 1).map(inverse, retries=1).collect()


def test_a_flow_of_the_user_says_what_failed(tmp_path: Path):
    # As people write it: a page that is not there is skipped, the others are kept in order.
    pages = {f"page{number}": f"text {number}" for number in range(50) if number % 7}
    for name, text in pages.items():
        (tmp_path / name).write_text(text)

    async def read(name, ctx):
        return name, (Path(ctx.config["folder"]) / name).read_text()

    names = [f"page{number}" for number in range(50)]
    with TSetEnvironment(
        store=tmp_path / "store", cluster="threads", config={"folder": str(tmp_path)}
    ) as env:
        found = env.parallelize(names, 3).map(read, on_error="skip", concurrency=4).collect()
    assert found == list(pages.items())
    end_loop("none")


@pytest.mark.parametrize("memory", [0, 64 << 20])
@pytest.mark.parametrize("cluster", ["synchronous", "threads"])
def test_what_was_skipped_is_counted_wherever_it_was(store, cluster, memory):
    def odd(x):
        if x % 2 == 0:
            raise ValueError(x)
        return x

    def skipped(tset, name):
        tset.persist(name)
        return found(name)

    def found(name):
        from dtset.cli.stored import read_content
        from dtset.storage.opening import open_store

        (made,) = (m for m in read_content(open_store(store), "job").persisted if m.name == name)
        return made.skipped

    with (
        dask.config.set({"dtset.exchange.memory": memory}),
        TSetEnvironment(store=store, job_id="job", cluster=cluster) as env,
    ):
        numbers = env.range(40, parallelism=4).map(odd, on_error="skip")
        assert skipped(numbers, "here") == 20
        assert skipped(numbers.cache().map(abs), "cached") == 20
        assert skipped(numbers.union(numbers.map(abs)), "read twice, computed once") == 20
        assert skipped(numbers.map_to_tuple(lambda x: (x % 3, x)).keyed_reduce(max), "dealt") == 20
        assert (
            skipped(env.range(4000, parallelism=100).map(odd, on_error="skip").reduce(max), "tree")
            == 2000
        )
        twice = numbers.map(lambda x: odd(x + x % 3), on_error="skip").repartition(3)
        assert skipped(twice, "twice") == 20 + sum((x + x % 3) % 2 == 0 for x in range(1, 40, 2))
        assert skipped(env.persisted("here").map(abs), "below") == 0
