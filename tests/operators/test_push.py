"""Push-style functions, run in lock-step with what consumes them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextvars import ContextVar
from types import ModuleType

import hypothesis
import pytest
from hypothesis import strategies as st

from dtset.errors import DTSetError
from dtset.operators.kernels.driver import driven
from dtset.operators.kernels.failure import Place
from dtset.operators.kernels.push import pushed
from dtset.plan.context import TSetContext
from dtset.storage.batch import Rows

CTX = TSetContext(index=3, parallelism=4, id="compute-1", name="compute")


def given(batches):
    yield from batches


def made(batches, of):
    """Batches made of others; closed with them."""
    try:
        for batch in batches:
            yield of(batch)
    finally:
        batches.close()


def through(batches, function, place="f", partition=3, limit=4):
    handler = pushed(function, CTX, Place("compute", place, partition), limit)
    return made(driven(made(batches, Rows), [handler]), Rows.rows)


def push(function, batches, limit=4):
    return through(given(batches), function, limit=limit)


def same(itr, collector, ctx):
    for x in itr:
        collector.collect(x)


def helpers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("dtset compute")]


@hypothesis.given(
    batches=st.lists(st.lists(st.integers(), max_size=9), max_size=9), limit=st.integers(1, 9)
)
def test_elements_keep_their_order_whatever_the_batches(batches, limit):
    def bound(itr, collector, ctx):
        collect = collector.collect
        collect("begin")
        for x in itr:
            collect(x)
        collect("end")

    flat = [x for batch in batches for x in batch]
    for function, expected in ((same, flat), (bound, ["begin", *flat, "end"])):
        assert [x for out in push(function, batches, limit) for x in out] == expected
    assert not helpers()


def test_function_and_consumer_never_run_at_once():
    running = []

    def noting(itr, collector, ctx):
        for x in itr:
            running.append(("function", x))
            collector.collect(x)

    def source():
        for start in range(0, 12, 4):
            running.append(("source", start))
            yield list(range(start, start + 4))

    for batch in through(source(), noting):
        running.append(("consumer", batch[0]))
    assert running[:6] == [("source", 0), *[("function", x) for x in range(4)], ("consumer", 0)]


def test_endless_function_is_ended_by_its_consumer():
    ended = []

    def forever(itr, collector, ctx):
        n = 0
        try:
            while True:
                collector.collect(n)
                n += 1
        finally:
            ended.append(n)

    batches = push(forever, [], limit=10)
    assert next(batches) == list(range(10))
    batches.close()
    assert ended == [9]
    assert not helpers()


def test_function_that_swallows_exceptions_is_ended_too():
    def stubborn(itr, collector, ctx):
        while True:
            try:
                collector.collect(next(itr))
            except Exception:
                continue

    batches = push(stubborn, [[1, 2], [3]])
    assert next(batches) == [1, 2]
    batches.close()
    assert not helpers()


def test_exception_says_where():
    def fail(itr, collector, ctx):
        for x in itr:
            if x == 5:
                raise ZeroDivisionError("five")
            collector.collect(x)

    batches = push(fail, [[0, 1, 2], [3, 4, 5, 6]])
    assert next(batches) == [0, 1, 2]
    with pytest.raises(ZeroDivisionError) as caught:
        next(batches)
    assert caught.value.__notes__ == ["dtset: raised in compute f, partition 3, element 5"]
    assert not helpers()


def test_exception_of_what_is_above_is_not_said_to_be_the_functions():
    def broken():
        yield [1]
        raise OSError("above")

    swallowed = []

    def guarded(itr, collector, ctx):
        try:
            for x in itr:
                collector.collect(x)
        except OSError as error:
            swallowed.append(error)

    with pytest.raises(OSError, match="above") as caught:
        list(through(broken(), guarded))
    assert not swallowed
    assert not getattr(caught.value, "__notes__", ())
    assert not helpers()


def test_function_that_ends_before_its_input_does():
    def three(itr, collector, ctx):
        for _ in range(3):
            collector.collect(next(itr))

    asked = []

    def source():
        for x in range(100):
            asked.append(x)
            yield [x]

    assert [x for out in through(source(), three) for x in out] == [
        0,
        1,
        2,
    ]
    assert len(asked) <= 4


def test_context_variables_are_carried():
    colour = ContextVar("colour", default="none")
    colour.set("green")

    def tell(itr, collector, ctx):
        collector.collect((colour.get(), ctx.index))

    assert list(push(tell, [])) == [[("green", 3)]]


def test_inputs_shrink_while_much_is_emitted():
    lengths = []

    def expand(itr, collector, ctx):
        for x in itr:
            for _ in range(100):
                collector.collect(x)

    for batch in push(expand, [list(range(64))] * 4, limit=64):
        lengths.append(len(batch))
    assert sum(lengths) == 64 * 4 * 100
    assert lengths[0] == 6400
    assert max(lengths[2:]) <= 200


def test_chained_functions_end_together():
    first = push(same, [[x] for x in range(100)])
    second = through(first, same, "g")
    assert next(second) == [0]
    second.close()
    assert not helpers()


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("ends", ["for", "collect", "both"])
def test_ctrl_c_ends_a_function_at_its_next_element(ends):
    seen = []

    def slow(itr, collector, ctx):
        collect = collector.collect
        for x in itr:
            seen.append(x)
            if x == 2:
                ctrl_c()
            while ends == "collect":
                seen.append(x)
                collector.collect(x)
                if len(seen) == 10:
                    ctrl_c()
                time.sleep(0.001)
            (collect if ends == "for" else collector.collect)(x)
            time.sleep(0.001)

    batches = push(slow, [list(range(100_000))], limit=100_000)
    with pytest.raises(KeyboardInterrupt):
        next(batches)
    assert len(seen) < 50_000
    assert not helpers()


def test_ctrl_c_twice_ends_a_function_within_an_element():
    def endless(itr, collector, ctx):
        for _ in itr:
            pressed = float("-inf")
            while True:
                if time.monotonic() > pressed + 1:
                    pressed = time.monotonic()
                    ctrl_c()

    batches = push(endless, [[1]])
    with pytest.raises(KeyboardInterrupt):
        next(batches)
    assert not helpers()


def test_what_is_raised_while_it_is_ended_is_not_lost():
    def fails_late(itr, collector, ctx):
        try:
            for x in itr:
                collector.collect(x)
        finally:
            raise OSError("late")

    batches = push(fails_late, [[1], [2], [3]])
    assert next(batches) == [1]
    with pytest.raises(OSError, match="late"):
        batches.close()
    assert not helpers()


def test_without_threads_the_error_says_what_to_do(monkeypatch):
    def start(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(DTSetError, match="persist"):
        next(push(same, [[1]]))


def test_a_function_pushes_while_another_thread_imports_distributed(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed.worker", ModuleType("distributed.worker"))
    assert list(push(same, [[1, 2]])) == [[1, 2]]
