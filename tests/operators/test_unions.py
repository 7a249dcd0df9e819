"""`union` and `concat`: partitions of several TSets put together, or one after the other."""

from __future__ import annotations

import os
import random

import pytest

from dtset import ConfigurationError, KeyedTSet, TSet, TSetEnvironment, UsageError


def partitions(tset):
    """Elements by partition."""
    return tset.compute(lambda itr, ctx: (ctx.index, list(itr))).collect()


def test_partitions_of_the_same_number_are_put_together_in_order(env):
    a, b, c = (env.range(start, start + 4, parallelism=2) for start in (0, 10, 20))
    both = a.map(lambda i: -i).union([b.filter(lambda i: i % 2), c])
    assert partitions(both) == [(0, [0, -1, 11, 20, 21]), (1, [-2, -3, 13, 22, 23])]


@pytest.mark.parametrize("cluster", ["synchronous", "threads"])
def test_below_and_above_exchanges_caches_and_itself(store, cluster):
    with TSetEnvironment(store=store, job_id="union", cluster=cluster) as env:
        pairs = env.range(40, parallelism=5).map_to_tuple(lambda i: (i % 7, i))
        sums = pairs.keyed_reduce(lambda a, b: a + b)
        cached = pairs.cache()
        whole = sums.union(cached).union(pairs).union(sums)
        expected = sorted(
            2 * [(k, sum(range(k, 40, 7))) for k in range(7)] + 2 * [(i % 7, i) for i in range(40)]
        )
        assert sorted(whole.collect()) == expected
        assert sorted(whole.persist().collect()) == expected
        again = whole.keyed_reduce(lambda a, b: a + b)
        assert sorted(again.collect()) == [(k, 4 * sum(range(k, 40, 7))) for k in range(7)]


def test_it_stays_keyed_if_all_are(env):
    pairs = env.parallelize({"a": 1, "b": 2}, 2)
    assert isinstance(pairs.union(pairs), KeyedTSet)
    assert type(pairs.union(env.range(2, parallelism=2))) is TSet


def test_a_function_of_a_source_is_called_once_for_all_that_read_it(env):
    numbers = env.create_source(lambda: [random.random()], 2)
    found = numbers.union(numbers).collect()
    assert found[0] == found[1] != found[2] == found[3]


def test_its_functions_see_side_inputs(env):
    one = env.parallelize([1], 1).cache()
    a = env.range(2, parallelism=2).map(lambda i, ctx: i + ctx.get_input("n").first())
    b = env.create_source(lambda ctx: ctx.get_input("n"), 2)
    both = a.add_input("n", one).union(b.add_input("n", one))
    assert both.collect() == [1, 1, 2, 1]


def test_other_numbers_of_partitions_are_refused(env):
    with pytest.raises(ConfigurationError, match="2 partitions and range has 3"):
        env.range(4, parallelism=2).union(env.range(4, parallelism=3))
    for not_one in ([[1, 2]], 5, None):
        with pytest.raises(UsageError, match="takes a TSet"):
            env.range(4).union(not_one)


def test_an_exception_names_the_branch_it_came_from(env):
    broken = env.range(2, parallelism=2).map(lambda i: 1 // i)
    with pytest.raises(ZeroDivisionError) as caught:
        env.range(2, parallelism=2).union(broken).collect()
    assert any("map <lambda>, partition 0, element 0" in note for note in caught.value.__notes__)


def test_taking_the_first_computes_no_more_than_it_needs(env, tmp_path):
    def noted(i):
        with open(tmp_path / "calls", "a") as calls:
            calls.write(f"{i}\n")
        return i

    both = env.range(8, parallelism=8).map(noted).union(env.range(8, parallelism=8))
    assert both.take(1) == [0]
    assert (tmp_path / "calls").read_text().split() == ["0"]


def test_concat_moves_nothing_and_functions_see_their_own_partitions(store):
    def seen(i, ctx):
        return i, ctx.index, ctx.parallelism, ctx.get_input("of").first()

    with TSetEnvironment(store=store, cluster="threads", job_id="concat") as env:
        numbers = [env.range(n, parallelism=n).cache() for n in (2, 3)]
        first, second = (n.map(seen).add_input("of", n) for n in numbers)
        both = first.concat(second.partition(lambda x: x[0] % 2, 2), second)
        assert both.collect()[:2] == [(0, 0, 2, 0), (1, 1, 2, 1)]
        assert both.parallelism == 7
        assert both.persist().collect() == both.collect()
        assert both.collect()[2:] == [(i, i, 3, i) for i in (0, 2, 1, 0, 1, 2)]
        twice = first.concat(second).concat(first)
        zipped = twice.union(env.range(7, parallelism=7).map(lambda i, ctx: ctx.index))
        by_partition = [list(each) for each in zipped.get_data().get_partitions()]
        assert [each[0][0] for each in by_partition] == [0, 1, 0, 1, 2, 0, 1]
        assert [each[1] for each in by_partition] == list(range(7))
        lengths = env.range(4, parallelism=4).filter(bool).concat(twice)
        assert [i for _, i in lengths.zip_with_index().collect()] == list(range(10))


@pytest.mark.parametrize("dealt", [False, True])
def test_what_a_failed_run_had_of_a_concat_is_kept(store, tmp_path, dealt):
    fails = tmp_path / "fails"
    fails.touch()

    def checked(itr, ctx):
        if ctx.index == 4 and os.path.exists(fails):
            raise ValueError(ctx.index)
        return list(itr)

    def run():
        with TSetEnvironment(store=store, cluster="synchronous", job_id="kept") as env:
            right = env.range(6, parallelism=2)
            if dealt:
                right = right.partition(lambda i: i % 2)
            kept = env.range(6, parallelism=3).concat(right).compute(checked).persist()
            return kept.hit, kept.collect()

    with pytest.raises(ValueError, match="4"):
        run()
    fails.unlink()
    rest = [[0, 2, 4], [1, 3, 5]] if dealt else [[0, 1, 2], [3, 4, 5]]
    assert run() == (4, [[0, 1], [2, 3], [4, 5], *rest])


def test_many_concats_one_after_the_other_are_as_one(env):
    made = one = env.range(2, parallelism=1).partition(lambda i: 0)
    for _ in range(45):
        made = made.concat(one.map(lambda i: -i))
    assert made.collect() == [0, 1] + [0, -1] * 45
