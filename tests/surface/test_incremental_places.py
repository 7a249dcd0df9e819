"""What partitions depend on besides what they read: nothing is taken over that a new job would not compute."""

from __future__ import annotations

import gzip

import dask.bag
import numpy as np
import pytest

from dtset import TSetEnvironment


@pytest.fixture
def runs(store, tmp_path):
    """Give a function that runs a flow in one job, checks it against a new job's, and says how much was a hit."""
    new = iter(range(100))

    def run(flow, *args):
        found = []
        for where, job_id in [(store, "job"), (str(tmp_path / f"new-{next(new)}"), "job")]:
            with TSetEnvironment(store=where, job_id=job_id, cluster="synchronous") as env:
                persisted = flow(env, *args).persist("persisted")
                found.append((repr(persisted.collect()), persisted.hit))
        assert found[0][0] == found[1][0]
        return found[0][1]

    return run


def placed(itr, ctx):
    number = ctx.index
    return [(element, number) for element in itr]


def one_each(env, values):
    return env.parallelize(values, len(values))


def test_what_is_seen_in_a_branch_of_a_branch_counts(runs):
    def flow(env, values):
        inner = one_each(env, "a").concat(one_each(env, values).compute(placed))
        return one_each(env, "b").concat(inner.map(lambda x: x))

    assert [runs(flow, values) for values in ("xy", "yx", "yxz")] == [False, 2, 2]


@pytest.mark.parametrize("kept", [False, True])
def test_what_other_tasks_saw_counts_in_a_branch(runs, kept):
    def flow(env, values):
        seen = one_each(env, values).compute(placed)
        if kept:
            seen = seen.cache()
        return seen.map(lambda x: (x, 1)).concat(seen.map(lambda x: (x, 2)))

    assert [runs(flow, values) for values in ("xy", "yx")] == [False, False]


@pytest.mark.parametrize("how", ["cache", "persist"])
@pytest.mark.parametrize("in_branch", [False, True])
def test_which_partition_of_a_side_input_is_seen_counts(runs, how, in_branch):
    def flow(env, values):
        side = getattr(one_each(env, "abc"[: len(values)]), how)()
        seen = one_each(env, values).compute(lambda itr, ctx: [*itr, *ctx.get_input("side")])
        seen.add_input("side", side)
        return one_each(env, "b").concat(seen) if in_branch else seen

    assert [runs(flow, values) for values in ("xy", "yx", "yz")] == [False, in_branch or False, 1 + in_branch]


@pytest.mark.parametrize("side", ["a", "ab"])
def test_what_functions_of_a_side_input_saw_is_its_own(runs, side):
    def seen(itr, ctx):
        return [(ctx.index, [*ctx.get_input("side")], x) for x in itr]

    def flow(env, values):
        made = one_each(env, side).compute(placed).persist("side")
        return one_each(env, values).compute(seen).add_input("side", made)

    assert [runs(flow, values) for values in (["x", "y"], ["y", "x"], ["y", "z"])] == [False, False, 1]
