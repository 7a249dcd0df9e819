"""Plans and stages of thousands of operators: deeper than a stack."""

from __future__ import annotations

import operator
import sys

import pytest

from dtset import TSetEnvironment

# More than Python's stack holds; thrice as many by night.
DEPTH = sys.getrecursionlimit() + 200
DEPTHS = [DEPTH, pytest.param(3 * DEPTH, marks=pytest.mark.nightly)]


def push(itr, collector, ctx):
    for x in itr:
        collector.collect(x + 1)


def stream(itr, ctx):
    for x in itr:
        yield x + 1


FORMS = {
    "map": lambda tset: tset.map(lambda x: x + 1),
    "push": lambda tset: tset.compute(push),
    "stream": lambda tset: tset.compute(stream),
    "flat_map": lambda tset: tset.flat_map(lambda x: [x + 1]),
}


def deep(tset, form, depth):
    for _ in range(depth):
        tset = FORMS[form](tset)
    return tset


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("form", FORMS)
def test_thousands_of_operators_in_a_stage(store, form, depth):
    with TSetEnvironment(store=store, cluster="threads", checkpointing=False) as env:
        tset = deep(env.range(4, parallelism=1), form, depth)
        assert tset.collect() == [depth + i for i in range(4)]
        with pytest.raises(ZeroDivisionError) as caught:
            tset.map(lambda x: 1 // 0).collect()
        assert "map <lambda>" in caught.value.__notes__[0]


def test_all_forms_by_turns_on_a_worker_process(store):
    with TSetEnvironment(
        store=store, resources=[{"cpu": 1, "instances": 1}], checkpointing=False
    ) as env:
        tset = env.range(4, parallelism=1)
        for _ in range(200):
            for form in FORMS.values():
                tset = form(tset)
        assert tset.collect() == [800 + i for i in range(4)]


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_deep_plan_is_persisted_found_explained_and_shown(store, depth):
    for hit in (False, True):
        with TSetEnvironment(store=store, cluster="synchronous", job_id="deep") as env:
            tset = deep(env.range(4, parallelism=2), "map", depth)
            persisted = tset.persist("deep")
            assert (persisted.hit, persisted.count()) == (hit, 4)
            changed = deep(env.range(5, parallelism=2), "map", depth).lazy_persist("deep")
            assert (
                env.plan(changed).persists[0].why == "elements in range: range(0, 4) → range(0, 5)"
            )
            assert str(depth) not in repr(changed)
            assert "deep" in changed._repr_html_()
            env._session.waiting.clear()


def test_hundreds_of_exchanges(env):
    pairs = env.range(4).map_to_tuple(lambda x: (x, x))
    total = env.range(4)
    for _ in range(400):
        pairs = pairs.keyed_reduce(operator.add)
        total = total.reduce(operator.add)
    assert sorted(pairs.collect()) == [(i, i) for i in range(4)]
    assert total.collect() == [6]


def test_hundreds_of_unions_one_into_the_other(store):
    for hit in (False, True):
        with TSetEnvironment(store=store, job_id="unions", cluster="synchronous") as env:
            tset = env.range(4, parallelism=2)
            for _ in range(300):
                tset = tset.union(env.range(2, parallelism=2).map(str)).map(lambda x: x)
            assert (tset.count(), tset.take(3)) == (604, [0, 1, "0"])
            assert tset.persist().hit is hit
