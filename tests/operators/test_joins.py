"""`join`: pairs of two keyed TSets whose keys are equal."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtset import JoinedTuple, TSetEnvironment, UsageError
from tests.properties import examples

KEYS = st.one_of(
    st.integers(-2, 2), st.sampled_from([1.0, True, "a", "b", None, (1, "a"), (1.0, "a")])
)
SIDES = st.lists(st.tuples(KEYS, st.integers(0, 3)), max_size=12)


def joined(env, left, right, partitions):
    keyed = [
        env.parallelize(pairs, number).map_to_tuple(lambda pair: pair)
        for pairs, number in zip((left, right), partitions, strict=True)
    ]
    return keyed[0].join(keyed[1])


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(150),
)
@given(SIDES, SIDES, st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_a_join_gives_what_the_model_gives(env, left, right, partitions):
    result = joined(env, left, right, partitions)
    assert result.parallelism == partitions[0]
    expected = Counter((k, v, w) for k, v in left for other, w in right if k == other)
    found = result.collect()
    assert all(type(element) is JoinedTuple for element in found)
    assert Counter(map(tuple, found)) == expected


def test_nans_are_one_key_and_no_other(env):
    nan = float("nan")
    result = joined(env, [(nan, 1), ((nan,), 2)], [(-nan, 3), ((nan, 0), 4), ((nan,), 5)], (2, 2))
    assert sorted((e.left, e.right) for e in result.collect()) == [(1, 3), (2, 5)]
    assert math.isnan(next(e.key for e in result.collect() if e.left == 1))


def test_both_sides_may_come_from_one_tset_which_is_computed_once(env, tmp_path):
    def noted(i):
        with open(tmp_path / "calls", "a") as calls:
            calls.write(f"{i}\n")
        return i % 3, i

    pairs = env.range(6, parallelism=2).map_to_tuple(noted)
    twice = pairs.join(pairs.filter(lambda pair: pair[1] > 0))
    result = twice.map_to_tuple(lambda e: (e.key, (e.left, e.right))).join(pairs)
    expected = Counter(
        ((i, j), k)
        for i in range(6)
        for j in range(1, 6)
        for k in range(6)
        if i % 3 == j % 3 == k % 3
    )
    found = Counter((e.left, e.right) for e in result.collect())
    assert found == expected
    assert sorted(map(int, (tmp_path / "calls").read_text().split())) == list(range(6))


def test_a_join_goes_on_after_a_restart_and_an_edit_of_either_side_is_seen(store):
    def run(f, g):
        with TSetEnvironment(store=store, job_id="join", cluster="threads") as env:
            left = env.range(9, parallelism=3).map_to_tuple(f)
            right = env.range(9, parallelism=2).map_to_tuple(g)
            made = left.join(right).persist("joined")
            return made.hit, sorted(made.collect())

    def by_three(i):
        return i % 3, i

    hit, first = run(by_three, by_three)
    assert (hit, len(first)) == (False, 27)
    assert run(by_three, by_three) == (True, first)
    hit, other = run(by_three, lambda i: (i % 2, i))
    assert hit is False
    assert {e.key for e in other} == {0, 1}
    assert run(lambda i: (i % 2, i), by_three)[0] is False


def test_a_join_with_what_has_no_keys_or_is_of_another_environment_is_refused(env, store):
    pairs = env.parallelize({"a": 1})
    with pytest.raises(UsageError, match="takes a KeyedTSet"):
        pairs.join(env.range(3))
    with (
        TSetEnvironment(store=store, job_id="other", cluster="synchronous") as other,
        pytest.raises(UsageError, match="another environment"),
    ):
        pairs.join(other.parallelize({"a": 1}))


def test_an_element_that_is_not_a_pair_is_named(env):
    odd = env.parallelize([("a", 1), 5], 1)
    keyed = env.parallelize({"a": 1}).filter(lambda pair: True)
    broken = type(keyed)(keyed._session, odd._node)
    with pytest.raises(TypeError, match="a pair is a tuple"):
        keyed.join(broken).collect()
