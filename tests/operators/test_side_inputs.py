"""`add_input`: stored elements that a function asks for by name."""

from __future__ import annotations

import os

import pytest

from dtset import ConfigurationError, DataPartition, TSetEnvironment, UsageError
from dtset.storage.batch import Rows


def near(x, ctx):
    """The element, and the nearest of the centers."""
    return min(ctx.get_input("centers").consumer(), key=lambda center: abs(center - x)), x


@pytest.mark.parametrize("kept", ["cache", "persist"])
def test_every_partition_sees_an_input_of_one_partition(env, kept):
    centers = getattr(env.parallelize([0, 10], 1), kept)()
    found = env.range(12, parallelism=3).map(near).add_input("centers", centers).collect()
    assert found == [(0 if x <= 5 else 10, x) for x in range(12)]


@pytest.mark.parametrize("kept", ["cache", "persist"])
def test_each_partition_sees_the_one_of_its_number(env, kept):
    names = getattr(env.parallelize("abc", 3), kept)()

    def named(x, ctx):
        part = ctx.get_input("names")
        assert isinstance(part, DataPartition)
        assert part.id == ctx.index
        return part.first(), x

    found = env.range(3, parallelism=3).map(named).add_input("names", names).collect()
    assert found == [("a", 0), ("b", 1), ("c", 2)]


def test_a_loop_may_bind_anew_what_was_built_once(env):
    points = env.parallelize([1.0, 2.0, 9.0, 11.0], 2).cache()
    mapped = points.map_to_tuple(lambda x, ctx: (near(x, ctx)[0], (x, 1)))
    sums = mapped.keyed_reduce(lambda a, b: (a[0] + b[0], a[1] + b[1]))
    moved = sums.map(lambda pair: pair[1][0] / pair[1][1])
    centers = env.parallelize([0.0, 3.0], 1).cache()
    seen = []
    for _ in range(4):
        mapped.add_input("centers", centers)
        centers = moved.partition(lambda _: 0, 1).cache()
        seen.append(sorted(centers.collect()))
    assert seen == [[1.0, 22 / 3], [1.5, 10.0], [1.5, 10.0], [1.5, 10.0]]


def test_a_lazy_persist_keeps_what_was_bound_when_it_was_made(env):
    ones, twos = env.parallelize([1], 1).cache(), env.parallelize([2], 1).cache()
    tset = env.range(2, parallelism=1).map(lambda i, ctx: ctx.get_input("n").first())
    tset.add_input("n", ones)
    first = tset.lazy_persist()
    tset.add_input("n", twos)
    assert first.collect() == [1, 1]
    assert tset.collect() == [2, 2]


def test_what_is_bound_is_part_of_the_fingerprint(store):
    def run(limit):
        with TSetEnvironment(store=store, job_id="bound", cluster="synchronous") as env:
            bound = env.parallelize([limit], 1).persist("limit")
            tset = env.range(9, parallelism=2).filter(lambda i, ctx: i < ctx.get_input("n").first())
            made = tset.add_input("n", bound).persist("small")
            return made.hit, made.collect()

    assert run(3) == (False, [0, 1, 2])
    assert run(3) == (True, [0, 1, 2])
    assert run(4) == (False, [0, 1, 2, 3])


def test_a_source_and_a_compute_see_inputs_too(env):
    numbers = env.parallelize([4, 5], 1).cache()
    source = env.create_source(lambda ctx: ctx.get_input("numbers"), 2)
    assert source.add_input("numbers", numbers).collect() == [4, 5, 4, 5]
    totals = env.range(4, parallelism=2).compute(
        lambda itr, ctx: sum(itr) + sum(ctx.get_input("numbers"))
    )
    assert totals.add_input("numbers", numbers).collect() == [10, 14]


def test_partitions_say_what_they_have(env):
    empty = env.parallelize([], 1).cache()
    tset = env.range(1, parallelism=1).map(
        lambda i, ctx: (ctx.get_input("e").first_or_default("none"), list(ctx.get_input("e")))
    )
    assert tset.add_input("e", empty).collect() == [("none", [])]
    first = env.range(1, parallelism=1).map(lambda i, ctx: ctx.get_input("e").first())
    with pytest.raises(ValueError, match="no elements"):
        first.add_input("e", empty).collect()


def test_a_small_input_is_read_once_a_partition_however_often_it_is_asked_for(store, monkeypatch):
    from dtset.execution import inputs

    read = []
    elements = inputs.read_elements

    def noted(*arguments, **named):
        read.append(arguments[1])
        return elements(*arguments, **named)

    monkeypatch.setattr(inputs, "read_elements", noted)
    with TSetEnvironment(store=store, job_id="held", cluster="synchronous") as env:
        limit = env.parallelize([3], 1).persist("limit")
        tset = env.range(100, parallelism=2).filter(lambda i, ctx: i < ctx.get_input("n").first())
        assert tset.add_input("n", limit).collect() == [0, 1, 2]
    assert read == ["limit", "limit"]


def test_a_large_input_is_read_whole(env):
    many = env.range(50_000, parallelism=1).persist()
    sums = env.range(2, parallelism=2).map(lambda i, ctx: sum(ctx.get_input("many")) + i)
    assert sums.add_input("many", many).collect() == [sum(range(50_000)), sum(range(50_000)) + 1]
    part = DataPartition(0, lambda: [Rows([i]) for i in range(20)])
    assert list(part) == list(part) == list(range(20))
    assert part.first() == 0


def test_an_input_is_seen_as_arrays(env):
    points = env.parallelize([(0.5, 1), (1.5, 2)], 1).cache()

    def total(i, ctx):
        x, weight = ctx.get_input("points").to_numpy()
        return float((x * weight).sum())

    tset = env.range(1, parallelism=1).map(total).add_input("points", points)
    assert tset.collect() == [3.5]


def test_an_input_that_is_not_there_is_named(env):
    tset = env.range(1, parallelism=1).map(lambda i, ctx: ctx.get_input("centres"))
    tset.add_input("centers", env.range(1, parallelism=1).cache())
    with pytest.raises(KeyError, match=r"no side input 'centres'; it has 'centers'"):
        tset.collect()


def test_what_cannot_be_an_input_is_refused_at_once(env, store):
    takes = env.range(4, parallelism=4).map(lambda i, ctx: i)
    with pytest.raises(UsageError, match="cache"):
        takes.add_input("x", env.range(4, parallelism=4))
    with pytest.raises(ConfigurationError, match="2 partitions and map has 4"):
        takes.add_input("x", env.range(4, parallelism=2).cache())
    with pytest.raises(UsageError, match="takes no ctx"):
        env.range(3).map(str).add_input("x", env.range(3).cache())
    with (
        TSetEnvironment(store=store, job_id="other", cluster="synchronous") as other,
        pytest.raises(UsageError, match="another environment"),
    ):
        takes.add_input("x", other.range(4, parallelism=4).cache())


@pytest.mark.parametrize("is_random", [True, False])
def test_a_run_that_died_is_continued_if_all_partitions_see_the_same_cache(
    store, tmp_path, is_random
):
    dies = tmp_path / "dies"
    dies.touch()

    def made(_):
        return int.from_bytes(os.urandom(8), "big") if is_random else 5

    def seen(x, ctx):
        if x == 3 and os.path.exists(dies):
            raise InterruptedError
        return ctx.get_input("n").first()

    def run(others):
        with TSetEnvironment(store=store, job_id="died", cluster="synchronous") as env:
            for _ in range(others):
                env.range(1).map(made)
            number = env.range(1, parallelism=1).map(made).cache()
            found = env.range(4, parallelism=4).map(seen).add_input("n", number).persist("seen")
            return found.hit, set(found.collect()), set(number.collect())

    with pytest.raises(InterruptedError):
        run(0)
    dies.unlink()
    hit, found, numbers = run(3)
    assert found == numbers
    assert hit == (0 if is_random else 3)


def test_what_is_bound_for_the_first_time_after_a_cache_was_made_is_not_seen_by_it(env):
    def seen(x, ctx):
        try:
            return ctx.get_input("before").first() + x
        except KeyError:
            return x

    tset = env.range(5, 7, parallelism=1).map(seen)
    cached, lazy = tset.cache(), tset.lazy_cache()
    # Of itself: without a snapshot, a circle.
    tset.add_input("before", cached)
    assert (tset.collect(), lazy.collect()) == ([10, 11], [5, 6])
    cached.unpersist()
    assert (tset.collect(), cached.collect()) == ([10, 11], [5, 6])


def test_random_numbers_of_a_cache_are_those_of_the_tset_without_checkpointing_too(store):
    with TSetEnvironment(store=store, cluster="synchronous", checkpointing=False) as env:
        tset = env.range(3, parallelism=2).map(lambda x, ctx: float(ctx.random.random()))
        assert tset.cache().collect() == tset.collect() == tset.persist().collect()


@pytest.mark.parametrize("moved", [lambda t: t.sort_by(abs), lambda t: t.repartition(2)])
def test_what_an_operation_counts_before_it_moves_is_of_what_is_bound_with_it(env, moved):
    limit, five = (env.parallelize([n], 1).cache() for n in (60, 6))
    numbers = env.range(60, parallelism=2).filter(lambda i, ctx: i < ctx.get_input("limit").first())
    kept = moved(numbers.add_input("limit", limit))
    sizes = kept.compute(lambda itr, ctx: len(list(itr)))
    lazy = sizes.lazy_persist()
    for stored, expected in ((five, [3, 3]), (limit, [30, 30])):
        numbers.add_input("limit", stored)
        assert sizes.collect() == expected
    assert lazy.collect() == [30, 30]
    last = kept.reduce(max)
    for _ in range(2):
        numbers.add_input("limit", last.lazy_cache())
    assert numbers.count() == 58
