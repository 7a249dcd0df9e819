"""`env.run(a, b)`: what several persists have in common is computed once."""

from __future__ import annotations

import pytest

from dtset import TSetEnvironment


@pytest.fixture
def calls(tmp_path):
    path = tmp_path / "calls"
    path.touch()
    return path


def flow(env, calls, change=0):
    def noted(i, ctx):
        with open(calls, "a") as file:
            file.write(f"{i} ")
        return i + ctx.index

    above = env.range(20, parallelism=4).map(lambda i: i).persist("above")
    base = above.map(noted)
    squares = base.map(lambda i: i * i + change).lazy_persist("squares")
    sums = base.key_by(lambda i: i % 3).keyed_reduce(lambda a, b: a + b).lazy_persist("sums")
    return base.lazy_persist("base"), squares, sums


def numbers(calls):
    return sorted(map(int, calls.read_text().split()))


@pytest.mark.parametrize("checkpointing", [True, False])
@pytest.mark.parametrize("cluster", ["synchronous", "threads"])
def test_a_shared_upstream_is_computed_once(store, calls, cluster, checkpointing):
    with TSetEnvironment(
        store=store, cluster=cluster, job_id="together", checkpointing=checkpointing
    ) as env:
        base, squares, sums = flow(env, calls)
        env.run(base, squares, sums)
        assert numbers(calls) == list(range(20))
        expected = [i + i // 5 for i in range(20)]
        assert base.collect() == expected
        assert squares.collect() == [i * i for i in expected]
        assert dict(sums.collect()) == {k: sum(i for i in expected if i % 3 == k) for k in range(3)}
        assert numbers(calls) == list(range(20))
        assert (base.hit, squares.hit, sums.hit) == (False, False, False)


def test_on_a_restart_only_what_is_missing_is_computed(store, calls):
    def run(change):
        with TSetEnvironment(store=store, cluster="synchronous", job_id="again") as env:
            made = flow(env, calls, change)
            env.run()
            return [each.hit for each in made]

    assert run(0) == [False, False, False]
    assert run(0) == [True, True, True]
    assert numbers(calls) == list(range(20))
    assert run(1) == [True, False, True]
    assert numbers(calls) == sorted([*range(20)] * 2)


def test_what_changes_in_between_is_seen(store):
    state = {"factor": 1}

    def scaled(i):
        return i * state["factor"]

    with TSetEnvironment(store=store, cluster="synchronous", job_id="between") as env:
        base = env.range(4, parallelism=2).map(scaled)
        first, second = base.lazy_persist(), base.map(lambda i: -i).lazy_persist()
        state["factor"] = 3
        env.run(first, second)
        assert (first.collect(), second.collect()) == ([0, 3, 6, 9], [0, -3, -6, -9])


def test_one_that_fails_leaves_the_others_parts(store, calls):
    def run(limit):
        def checked(i):
            if i == limit:
                raise KeyError(i)
            return i

        with TSetEnvironment(store=store, cluster="synchronous", job_id="fails") as env:
            base = env.range(8, parallelism=4).map(lambda i: i + 1)
            one, other = base.lazy_persist("one"), base.map(checked).lazy_persist("other")
            env.run(one, other)
            return one.hit, other.hit, other.collect()

    with pytest.raises(KeyError, match="7"):
        run(7)
    hit, _, found = run(99)
    assert found == list(range(1, 9))
    assert hit in (True, 1, 2, 3, 4)


def test_a_persist_below_another_is_carried_out_after_it(store, calls):
    with TSetEnvironment(store=store, cluster="synchronous", job_id="below") as env:
        base, _, _ = flow(env, calls)
        below = base.map(str).lazy_persist("below")
        env.run(below, base)
        assert below.collect() == [str(i) for i in base.collect()]
        assert numbers(calls) == list(range(20))
