"""A run by itself, on Dask's synchronous scheduler: what is computed, in which order, how often, and what is told."""

from __future__ import annotations

import itertools
import operator
from dataclasses import replace

import dask
import pytest

from dtset.errors import DTSetError, FingerprintError, UsageError
from dtset.execution.run import Run
from dtset.execution.schedulers.scheduler import LocalScheduler, WorkersLostError
from dtset.operators.unions import UNION
from dtset.plan.nodes import Zip
from tests.execution.flows import (
    cached,
    elements,
    keyed,
    made_run,
    made_store,
    mapped,
    numbers,
    paired,
    persisted,
)

HELD = [object()]
OFFSET = 1


class Losing(LocalScheduler):
    """A scheduler that loses what it keeps, or what it computes, when it is told to."""

    def __init__(self):
        super().__init__("synchronous", dask.get)
        object.__setattr__(self, "lose_next", 0)
        object.__setattr__(self, "all_lost", False)

    def compute(self, graph, keys):
        if self.lose_next:
            object.__setattr__(self, "lose_next", self.lose_next - 1)
            raise WorkersLostError("its memory")
        return super().compute(graph, keys)

    def lost(self, entries):
        return self.all_lost

    def keep(self, graph, keys):
        object.__setattr__(self, "all_lost", False)
        return super().keep(graph, keys)


@pytest.fixture
def store():
    return made_store()


def test_persists_are_run_in_their_order_and_told_of(store):
    run, told = made_run(store)
    one = persisted(mapped(str, numbers()), "one")
    two = persisted(mapped(len, one), "two")
    assert elements(run, mapped(abs, two)) == [[1, 1], [1, 1]]
    assert told == [
        "writable",
        ("miss", "one", 0),
        ("persist", "one", False),
        "writable",
        ("miss", "two", 0),
        ("persist", "two", False),
    ]
    run, told = made_run(store)
    run.prepare(two)
    assert told == [("persist", "one", True), ("persist", "two", True)]


def test_a_restart_reads_one_object_for_each_persist(store):
    one = persisted(mapped(str, numbers()), "one")
    two = persisted(mapped(len, one), "two")
    made_run(store)[0].prepare(two)
    run, _ = made_run(store)
    store.reads.clear()
    run.prepare(two)
    assert len(store.reads) == 2


def test_what_has_to_be_computed_is_looked_up_once(store):
    run, _ = made_run(store)
    flows = [persisted(mapped(function, numbers()), "x") for function in (str, repr, abs, float)]
    plan = Zip(operator=UNION, inputs=tuple(flows), parallelism=2)
    store.reads.clear()
    run.prepare(plan)
    asked = [call for call in store.reads if call.startswith("get") and "manifest" in call]
    assert len(asked) == len(set(asked)) == 4


def test_the_same_persisted_twice_is_found_the_second_time(store):
    run, told = made_run(store)
    flows = [persisted(mapped(str, numbers()), name) for name in ("one", "other")]
    run.prepare(Zip(operator=UNION, inputs=tuple(flows), parallelism=2))
    assert told[2:] == [("persist", "one", False), ("persist", "other", True)]


def test_what_a_persist_changes_is_seen_by_the_next_one(store):
    box = [0]
    one = persisted(mapped(str, numbers()), "one")
    two = persisted(mapped(lambda x: box[0], numbers()), "two")
    run, _ = made_run(store)
    run = Run(replace(run.context, on_persist=lambda *_: box.__setitem__(0, 5)))
    assert elements(run, Zip(operator=UNION, inputs=(one, two), parallelism=2)) == [
        ["0", "1", 5, 5],
        ["2", "3", 5, 5],
    ]
    box[0] = 5
    assert [each.state for each in made_run(store)[0].plan(replace(two)).stored] == ["hit"]


@pytest.mark.parametrize("changes", [1, 3, 4])
def test_what_changes_before_it_is_packed_is_looked_up_again_and_not_for_ever(store, changes):
    box, left = [0], list(range(changes))

    def change():
        if left:
            box[0] = left.pop() + 1

    run, _ = made_run(store)
    run = Run(replace(run.context, check_writable=change))
    flow = persisted(mapped(lambda x: box[0], numbers()), "moody")
    if changes < 4:
        assert elements(run, flow) == [[1, 1], [1, 1]]
        assert made_run(store)[0].plan(replace(flow)).stored[0].state == "hit"
    else:
        with pytest.raises(DTSetError, match="changes all the time"):
            run.prepare(flow)


def test_an_unpersisted_tset_is_an_error_that_says_so(store):
    run, _ = made_run(store)
    flow = persisted(mapped(str, numbers()), "flow")
    run.prepare(flow)
    handle = replace(flow, inputs=())
    run.at_hand.forget(handle)
    with pytest.raises(UsageError, match="unpersisted"):
        elements(run, mapped(len, handle))


def test_a_cache_is_computed_once_and_counts_as_it_was(store):
    global OFFSET
    run, _ = made_run(store)
    kept = cached(mapped(lambda x: x + OFFSET, numbers()))
    before = OFFSET
    assert elements(run, kept) == [[1, 2], [3, 4]]
    tree = run.at_hand.cached[kept.mark].tree
    try:
        OFFSET = 5
        assert elements(run, mapped(abs, kept)) == [[1, 2], [3, 4]]
        assert run.at_hand.cached[kept.mark].tree is tree
    finally:
        OFFSET = before


def test_a_cache_without_a_fingerprint_serves_all_but_persists(store):
    run, _ = made_run(store)
    kept = cached(mapped(lambda x: type(HELD).__name__, numbers()))
    below = persisted(mapped(str, kept), "below")
    assert elements(run, kept) == [["list"] * 2] * 2
    for _ in range(2):
        with pytest.raises(FingerprintError, match="HELD"):
            run.prepare(below)
    error = run.at_hand.cached[kept.mark].tree
    # Frames hold nodes, and a node its cache.
    assert (error.__traceback__, error.__context__) == (None, None)


def test_a_lost_cache_comes_back_and_what_was_let_go_above_it_too(store):
    scheduler = Losing()
    run, _ = made_run(store, scheduler=scheduler)
    above = cached(mapped(str, numbers()))
    below = cached(mapped(len, above))
    run.prepare(below)
    run.at_hand.forget(above)
    object.__setattr__(scheduler, "all_lost", True)
    assert elements(run, mapped(abs, below)) == [[1, 1], [1, 1]]
    assert {above.mark, below.mark} <= set(run.at_hand.cached)


def test_a_lost_cache_that_would_come_back_as_something_else_is_an_error_each_time(store):
    global OFFSET
    scheduler, before = Losing(), OFFSET
    run, _ = made_run(store, scheduler=scheduler)
    kept = cached(mapped(lambda x: x + OFFSET, numbers()))
    run.prepare(kept)
    object.__setattr__(scheduler, "all_lost", True)
    try:
        OFFSET = 7
        for _ in range(2):
            with pytest.raises(DTSetError, match="has changed since"):
                elements(run, mapped(abs, kept))
    finally:
        OFFSET = before
    assert elements(run, kept) == [[1, 2], [3, 4]]


def test_lost_tasks_are_submitted_again_a_bounded_number_of_times(store):
    scheduler = Losing()
    run, _ = made_run(store, scheduler=scheduler, resubmissions=2)
    object.__setattr__(scheduler, "lose_next", 2)
    assert elements(run, mapped(str, numbers())) == [["0", "1"], ["2", "3"]]
    object.__setattr__(scheduler, "lose_next", 3)
    with pytest.raises(DTSetError, match=r"3 times.*restart it"):
        elements(run, mapped(str, numbers()))


def test_only_missing_partitions_are_computed(store, tmp_path):
    seen, mended = tmp_path / "seen", tmp_path / "mended"

    def risky(x):
        with seen.open("a") as file:
            file.write(f"{x}\n")
        if x == 3 and not mended.exists():
            raise OSError("no")
        return x

    flow = persisted(mapped(risky, numbers()), "risky")
    with pytest.raises(OSError, match="no"):
        made_run(store)[0].prepare(flow)
    mended.touch()
    seen.unlink()
    run, told = made_run(store)
    assert elements(run, flow) == [[0, 1], [2, 3]]
    assert seen.read_text() == "2\n3\n"
    assert told == ["writable", ("miss", "risky", 1), ("persist", "risky", 1)]


def test_partitions_below_an_exchange_are_of_one_deal(store):
    run, _ = made_run(store)
    sums = persisted(keyed(operator.add, paired(numbers(9))), "sums")
    assert sorted(itertools.chain(*elements(run, sums))) == [(0, 9), (1, 12), (2, 15)]
    assert run.at_hand.persisted[sums.mark].manifest.generation.startswith("d")


def test_without_checkpointing_all_is_computed_and_noted_as_temporary(store):
    one = persisted(mapped(str, numbers()), "one")
    run, told = made_run(store, checkpointing=False)
    run.prepare(one)
    manifest = run.at_hand.persisted[one.mark].manifest
    assert told == ["writable", ("persist", "one", False)]
    assert run.at_hand.temporary == {manifest.version}
