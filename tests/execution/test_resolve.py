"""Resolving by itself: what is said of a plan, and what is read for it."""

from __future__ import annotations

import operator
from dataclasses import replace

import pytest

from dtset.errors import FingerprintError, StoreError
from dtset.execution.preview import preview
from dtset.execution.resolve import Index, State, resolve
from dtset.execution.specs import sees_ctx
from dtset.operators.unions import UNION
from dtset.plan.nodes import Zip
from tests.execution.flows import (
    cached,
    keyed,
    made_run,
    made_store,
    mapped,
    numbers,
    paired,
    persisted,
)

HELD = [object()]


def chain(*functions):
    """A persist below each function."""
    node = numbers()
    for number, function in enumerate(functions):
        node = persisted(mapped(function, node), f"p{number}")
    return node


def said(resolved):
    return [
        (found.node.name or "cache", found.state, found.depends_on) for found in resolved.stored
    ]


@pytest.fixture
def store():
    return made_store()


def test_below_a_miss_it_is_said_what_is_waited_for(store):
    run, told = made_run(store)
    assert said(run.plan(chain(str, len, abs))) == [
        ("p0", State.MISS, ()),
        ("p1", State.DEPENDS, ("p0",)),
        ("p2", State.DEPENDS, ("p1",)),
    ]
    assert told == []
    assert not [call for call in store.calls if "tsets" in call]


def test_a_chain_of_hits_is_resolved_at_once_and_reads_one_object_for_each(store):
    made_run(store)[0].prepare(chain(str, len, abs))
    run, _ = made_run(store)
    store.reads.clear()
    resolved = run.plan(chain(str, len, abs))
    assert [state for _, state, _ in said(resolved)] == [State.HIT] * 3
    assert [call.split("/")[-1] for call in store.reads] == ["manifest.json"] * 3
    assert len(resolved.pending) == 3


def test_a_hit_says_its_manifest_and_what_stands_for_it_below(store):
    first, _ = made_run(store)
    first.prepare(chain(str))
    run, _ = made_run(store)
    (found,) = run.plan(chain(str)).stored
    assert found.persisted.manifest.rows == 4
    assert found.persisted.accepted_for is None
    assert found.tree.digest == found.persisted.manifest.fingerprint


def test_below_a_rewritten_function_that_gives_the_same_all_else_is_found(store):
    made_run(store)[0].prepare(chain(lambda x: x + 1, str))
    run, _ = made_run(store)
    changed = chain(lambda x: 1 + x, str)
    assert [state for _, state, _ in said(run.plan(changed))] == [State.MISS, State.DEPENDS]
    run.prepare(changed.inputs[0].inputs[0])
    assert [state for _, state, _ in said(run.plan(changed))] == [State.DONE, State.HIT]


def test_to_be_run_it_ends_with_the_first_that_has_to_be_computed(store):
    made_run(store)[0].prepare(chain(str))
    run, _ = made_run(store)
    other = persisted(mapped(repr, numbers()), "other")
    plan = Zip(operator=UNION, inputs=(chain(str, len), other), parallelism=2)
    assert said(run.plan(plan, to_run=True)) == [("p0", State.HIT, ()), ("p1", State.MISS, ())]
    whole = run.plan(plan)
    assert said(whole)[2] == ("other", State.MISS, ())
    assert [found.ahead for found in whole.stored] == [0, 1, 2]


def test_some_partitions_are_counted_where_no_exchange_decides(store):
    def risky(x):
        if x == 3:
            raise OSError("no")
        return x

    flow = persisted(mapped(risky, numbers()), "risky")
    with pytest.raises(OSError, match="no"):
        made_run(store)[0].prepare(flow)
    (found,) = made_run(store)[0].plan(flow).stored
    assert (found.state, found.missed.found, found.generation) == (State.PARTIAL, 1, "0")
    assert found.missed.lineage.tree is found.tree


def test_below_an_exchange_the_deal_decides_and_below_a_persist_of_it_no_more(store):
    sums = persisted(keyed(operator.add, paired(numbers())), "sums")
    below = persisted(mapped(str, sums), "below")
    run, _ = made_run(store)
    first = run.plan(sums).stored[0]
    assert (first.dealt, first.generation) == (True, None)
    run.prepare(sums)
    found = run.plan(below).stored[-1]
    assert (found.dealt, found.generation) == (False, "0")


def test_a_cache_of_an_exchange_is_dealt_still(store):
    sums = cached(keyed(operator.add, paired(numbers())))
    run, _ = made_run(store)
    run.prepare(sums)
    found = run.plan(persisted(mapped(str, sums), "below")).stored[-1]
    assert (found.state, found.dealt, found.generation) == (State.MISS, True, None)


def test_side_inputs_count_among_what_a_plan_depends_on(store):
    side = persisted(mapped(str, numbers()), "side")
    main = replace(mapped(len, numbers()), sides={"words": side})
    flow = persisted(main, "main")
    run, _ = made_run(store)
    assert said(run.plan(flow)) == [("side", State.MISS, ()), ("main", State.DEPENDS, ("side",))]
    run.prepare(side)
    assert said(run.plan(flow)) == [("side", State.DONE, ()), ("main", State.MISS, ())]


def test_nothing_above_what_is_at_hand_is_looked_at(store):
    run, _ = made_run(store)
    flow = chain(str, len)
    run.prepare(flow)
    store.reads.clear()
    assert said(run.plan(mapped(str, flow))) == [("p1", State.DONE, ())]
    assert store.reads == []


def test_with_refresh_a_hit_is_to_be_computed(store):
    made_run(store)[0].prepare(chain(str))
    run, _ = made_run(store)
    (found,) = run.plan(replace(chain(str), refresh=True)).stored
    assert found.state is State.MISS
    assert found.missed.refresh


def test_what_has_no_fingerprint_is_said_where_it_counts(store):
    run, _ = made_run(store)
    broken = mapped(lambda x: type(HELD).__name__, numbers())
    assert run.plan(broken).stored == ()
    (found,) = run.plan(persisted(broken, "broken")).stored
    assert isinstance(found.tree, FingerprintError)
    assert not found.is_known
    kept = cached(broken)
    run.prepare(kept)
    below = run.plan(persisted(mapped(str, kept), "below"))
    assert isinstance(below.stored[-1].tree, FingerprintError)
    with pytest.raises(FingerprintError, match="HELD"):
        preview(below, lambda missed, ahead: None)


def test_without_checkpointing_nothing_is_read_and_nothing_fingerprinted(store):
    run, _ = made_run(store, checkpointing=False)
    store.reads.clear()
    resolved = run.plan(chain(lambda x: type(HELD).__name__, str))
    assert [state for _, state, _ in said(resolved)] == [State.MISS] * 2
    assert len(resolved.pending) == 1
    assert resolved.trees == {}
    assert store.reads == []


def test_fingerprints_are_taken_where_they_are_wanted_only(store):
    run, _ = made_run(store)
    flow = mapped(lambda x, ctx: x, chain(str))
    run.prepare(chain(str))
    assert set(run.plan(flow).trees) == {each.mark for each in _above_persist(flow)}
    run.prepare(flow)
    assert sees_ctx(flow)
    assert flow.mark in run.plan(flow, to_run=True).trees
    plain = mapped(str, flow.inputs[0])
    assert run.plan(plain, to_run=True).trees == {}


def _above_persist(flow):
    (stored,) = flow.inputs
    return (*stored.inputs, *stored.inputs[0].inputs)


def test_a_store_that_cannot_be_read_is_an_error(store):
    class Broken(type(store)):
        def get(self, path):
            raise StoreError("gone")

    run, _ = made_run(store)
    index = Index(Broken(store), "job", {})
    with pytest.raises(StoreError, match="gone"):
        resolve(chain(str), run.at_hand, index)
