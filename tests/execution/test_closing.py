"""What a partition opened is closed when it ends, however it ends: the last operator first, by who opened it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from dtset import SourceFunc, TSetEnvironment


@pytest.fixture(params=["synchronous", "threads"])
def env(store, request, tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSING_EVENTS", str(tmp_path / "events"))
    with TSetEnvironment(store=store, cluster=request.param, parallelism=1) as env:
        yield env


def note(who, what):
    # In a file: what functions keep in memory is a copy.
    with open(os.environ["CLOSING_EVENTS"], "a") as file:
        print(who, what, threading.get_ident(), file=file)


def events():
    lines = Path(os.environ["CLOSING_EVENTS"]).read_text().splitlines()
    return [tuple(line.split()) for line in lines]


class Numbers(SourceFunc):
    def __init__(self, count=10**9, fails_to_close=False):
        self.i, self.count, self.fails_to_close = -1, count, fails_to_close

    def prepare(self, ctx):
        note("source", "open")

    def has_next(self):
        return self.i + 1 < self.count

    def next(self):
        self.i += 1
        return self.i

    def close(self):
        note("source", "close")
        if self.fails_to_close:
            raise OSError("cannot be closed")


def stage(name, fails_to_close=False):
    def stream(itr, ctx):
        note(name, "open")
        try:
            yield from itr
        finally:
            note(name, "close")
            if fails_to_close:
                raise ValueError(f"{name} cannot be closed")

    return stream


def push(itr, collector, ctx):
    note("push", "open")
    try:
        for x in itr:
            collector.collect(x)
    finally:
        note("push", "close")


def flow(env, source=None, **arguments):
    return (
        env.create_source(source or Numbers(), 1)
        .compute(stage("first", **arguments))
        .map(lambda x: x)
        .compute(push)
        .compute(stage("second"))
    )


def closed():
    assert [(who, what) for who, what, _ in events() if what == "close"] == [
        (who, "close") for who in ("second", "push", "first", "source")
    ]
    threads = {}
    for who, _, thread in events():
        threads.setdefault(who, set()).add(thread)
    assert all(len(each) == 1 for each in threads.values()), threads


def test_when_the_consumer_wants_no_more(env):
    assert flow(env).take(1) == [0]
    closed()


def test_when_an_operator_raises(env):
    with pytest.raises(ZeroDivisionError) as caught:
        flow(env).map(lambda x: 1 // 0).collect()
    # It holds frames that hold what was opened: nothing waits for them to be gone.
    closed()
    assert caught.value.__context__ is None


def test_when_elements_cannot_be_stored(env):
    with pytest.raises(TypeError, match="cannot be stored"):
        flow(env).map(lambda x: threading.Lock()).persist()
    closed()


def test_at_the_end_the_source_is_closed_first_as_it_ends_first(env):
    assert flow(env, Numbers(3)).collect() == [0, 1, 2]
    assert sorted(who for who, what, _ in events() if what == "close") == [
        "first",
        "push",
        "second",
        "source",
    ]


def test_what_closing_raises_does_not_hide_the_first_error(env):
    with pytest.raises(ZeroDivisionError) as caught:
        flow(env, Numbers(fails_to_close=True), fails_to_close=True).map(lambda x: 1 // 0).collect()
    closed()
    raised_in, *then = caught.value.__notes__
    assert "map <lambda>" in raised_in
    assert "ValueError: first cannot be closed" in then[0]
    assert "OSError: cannot be closed" in then[1]
    assert "create_source Numbers object, partition 0" in then[1]


def test_what_closing_raises_is_not_lost(env):
    with pytest.raises(OSError, match="cannot be closed") as caught:
        flow(env, Numbers(fails_to_close=True)).take(1)
    closed()
    assert "create_source" in caught.value.__notes__[0]


def test_a_source_that_fails_is_closed_and_its_error_stays_the_first(env):
    class Failing(Numbers):
        def next(self):
            raise KeyError("gone")

    with pytest.raises(KeyError) as caught:
        env.create_source(Failing(fails_to_close=True), 1).collect()
    assert [what for _, what, _ in events()] == ["open", "close"]
    assert "OSError: cannot be closed" in caught.value.__notes__[1]


def test_the_generator_of_a_source_function_is_closed(env):
    def lines():
        try:
            yield from range(10**9)
        finally:
            note("source", "close")

    assert env.create_source(lines, 1).take(1) == [0]
    assert [what for _, what, _ in events()] == ["close"]
