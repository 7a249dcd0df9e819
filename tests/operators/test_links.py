"""Links between partitions: what moves where, and what a compute after them is given."""

from __future__ import annotations

import pytest

from dtset import ConfigurationError, KeyedTSet, TSet, TSetEnvironment


def partitions(tset):
    """Elements by partition."""
    return tset.map(lambda x: x).compute(lambda itr, ctx: (ctx.index, list(itr))).collect()


def seen(itr, ctx):
    """What a compute is given."""
    return list(itr) if hasattr(itr, "__next__") else itr


LINKS = {
    "direct": (lambda t: t.direct(), [[0, 1], [2, 3]], [[0, 1], [2, 3]]),
    "reduce": (lambda t: t.reduce(max), [[3]], [3]),
    "all_reduce": (lambda t: t.all_reduce(max), [[3], [3]], [3, 3]),
    "gather": (lambda t: t.gather(), [[0, 1, 2, 3]], [[(0, 0), (0, 1), (1, 2), (1, 3)]]),
    "all_gather": (
        lambda t: t.all_gather(),
        [[0, 1, 2, 3]] * 2,
        [[(0, 0), (0, 1), (1, 2), (1, 3)]] * 2,
    ),
    "replicate": (lambda t: t.reduce(max).replicate(3), [[3]] * 3, [[3]] * 3),
    "concat": (
        lambda t: t.concat(t.filter(lambda i: i % 2), t.reduce(max)),
        [[0, 1], [2, 3], [1], [3], [3]],
        [[0, 1], [2, 3], [1], [3], [3]],
    ),
}


@pytest.mark.parametrize("cluster", ["synchronous", "threads"])
@pytest.mark.parametrize("name", LINKS)
def test_a_link_brings_elements_where_it_says(store, cluster, name):
    link, elements, messages = LINKS[name]
    with TSetEnvironment(store=store, cluster=cluster, job_id=name) as env:
        linked = link(env.range(4, parallelism=2))
        assert [each for _, each in partitions(linked)] == elements
        assert linked.compute(seen).collect() == messages
        flat = [element for part in elements for element in part]
        assert linked.collect() == linked.cache().collect() == linked.persist().collect() == flat
        assert linked.flat_map(lambda i: [i, i]).collect() == [i for i in flat for _ in range(2)]
        assert linked.cache().compute(seen).collect() == elements


def test_what_a_compute_sees_of_a_gather_is_seen_through_links_and_by_pairs(env):
    gathered = env.range(4, parallelism=2).gather().set_name("all")
    assert gathered.pipe().compute(lambda itr, ctx: (ctx.name, next(itr))).collect()[0][1] == (0, 0)
    sums = gathered.compute_to_tuple(lambda itr, ctx: ((s, v) for s, v in itr))
    assert sorted(sums.keyed_reduce(lambda a, b: a + b).collect()) == [(0, 1), (1, 5)]


def test_compute_to_tuple_gives_pairs_or_says_what_is_none(env):
    def push(itr, collector, ctx):
        for i in itr:
            collector.collect([i % 2, i])

    pairs = env.range(4, parallelism=2).compute_to_tuple(push)
    assert isinstance(pairs, KeyedTSet)
    assert pairs.collect() == [(0, 0), (1, 1), (0, 2), (1, 3)]
    with pytest.raises(TypeError, match="a pair is a tuple") as caught:
        env.range(4).compute_to_tuple(lambda itr, ctx: iter([(0, 1), 5])).collect()
    assert any("compute_to_tuple" in note for note in caught.value.__notes__)


def test_pairs_stay_pairs_where_all_are(env):
    pairs, numbers = env.parallelize({"a": 1}, 1), env.range(2, parallelism=1)
    for made in (pairs.gather(), pairs.all_gather(), pairs.replicate(2), pairs.concat(pairs)):
        assert isinstance(made, KeyedTSet)
    assert type(pairs.concat(numbers)) is TSet


def test_only_one_partition_is_replicated_and_union_says_what_to_do(env):
    with pytest.raises(ConfigurationError, match="call gather"):
        env.range(3, parallelism=2).replicate(2)
    with pytest.raises(ConfigurationError, match="concat"):
        env.range(3, parallelism=2).union(env.range(3, parallelism=3))
    with pytest.raises(ConfigurationError, match="from 1 on"):
        env.range(3, parallelism=1).replicate(0)
