"""The rows of Twister2's table of batch communications (its pages "TSet API" and "Operator API"), one test each.

A row says how partitions of the source and the target are related, and what a compute after the link is given.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dtset import JoinedTuple, TSetEnvironment
from dtset.exchange.stable_hash import target_of


@pytest.fixture
def env(tmp_path):
    with TSetEnvironment(cluster="synchronous", store=tmp_path / "store") as environment:
        yield environment


@pytest.fixture
def numbers(env):
    """0 … 5 in three partitions."""
    return env.range(6, parallelism=3)


@pytest.fixture
def pairs(env):
    return env.parallelize([("a", 1), ("b", 2), ("a", 3), ("c", 4)], 2).map_to_tuple(tuple)


def seen(link):
    """What a compute after a link is given in each partition: a value as it is, an iterator as a list."""

    def tell(content, ctx):
        return ctx.index, list(content) if isinstance(content, Iterator) else content

    return [content for _, content in link.compute(tell).collect()]


def add(a, b):
    return a + b


def test_reduce_is_m_to_1_and_gives_the_value(numbers):
    link = numbers.reduce(add)
    assert (link.parallelism, seen(link)) == (1, [15])


def test_allreduce_gives_the_value_to_every_partition(numbers):
    link = numbers.all_reduce(add)
    assert (link.parallelism, seen(link)) == (3, [15, 15, 15])


def test_direct_is_m_to_m_and_gives_an_iterator(numbers):
    link = numbers.direct()
    assert (link.parallelism, seen(link)) == (3, [[0, 1], [2, 3], [4, 5]])


def test_broadcast_is_1_to_m_and_gives_an_iterator(env, numbers):
    link = env.range(2, parallelism=1).replicate(3)
    assert (link.parallelism, seen(link)) == (3, [[0, 1]] * 3)
    with pytest.raises(ValueError, match="copies one partition"):
        numbers.replicate(3)


def test_gather_is_m_to_1_and_tells_where_values_came_from(numbers):
    link = numbers.gather()
    assert link.parallelism == 1
    assert seen(link) == [[(0, 0), (0, 1), (1, 2), (1, 3), (2, 4), (2, 5)]]
    assert link.map(str).collect() == ["0", "1", "2", "3", "4", "5"]


def test_allgather_gives_that_to_every_partition(numbers):
    link = numbers.all_gather()
    assert link.parallelism == 3
    assert seen(link) == [[(0, 0), (0, 1), (1, 2), (1, 3), (2, 4), (2, 5)]] * 3


def test_keyed_gather_is_m_to_n_and_gives_keys_with_iterators(pairs):
    link = pairs.keyed_gather()
    assert link.parallelism == 2
    groups = {key: list(values) for group in seen(link) for key, values in group}
    assert groups == {"a": [1, 3], "b": [2], "c": [4]}


def test_keyed_reduce_is_m_to_n_and_gives_pairs(pairs):
    found = seen(pairs.keyed_reduce(add))
    assert sorted(pair for partition in found for pair in partition) == [
        ("a", 4),
        ("b", 2),
        ("c", 4),
    ]


def test_partition_is_m_to_n_and_gives_an_iterator(env, numbers):
    link = numbers.partition(lambda x: x % 2, 2)
    assert (link.parallelism, seen(link)) == (2, [[0, 2, 4], [1, 3, 5]])
    dealt = numbers.partition(env.functions.partition.load_balanced, 2)
    assert sorted(x for partition in seen(dealt) for x in partition) == [0, 1, 2, 3, 4, 5]


def test_keyed_partition_is_m_to_n_and_gives_pairs(pairs):
    found = seen(pairs.keyed_partition(lambda key: int(key == "a")))
    assert found == [[("b", 2), ("c", 4)], [("a", 1), ("a", 3)]]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("inner", [("a", 1, 10), ("a", 3, 10)]),
        ("left", [("a", 1, 10), ("a", 3, 10), ("b", 2, None), ("c", 4, None)]),
        ("right", [("a", 1, 10), ("a", 3, 10), ("d", None, 20)]),
        ("outer", [("a", 1, 10), ("a", 3, 10), ("b", 2, None), ("c", 4, None), ("d", None, 20)]),
    ],
)
def test_join_is_m_to_n_and_gives_joined_tuples(env, pairs, how, expected):
    link = pairs.join(env.parallelize({"a": 10, "d": 20}, 3), how)
    assert link.parallelism == 2
    found = [joined for partition in seen(link) for joined in partition]
    assert all(type(joined) is JoinedTuple for joined in found)
    assert sorted(found, key=lambda joined: (joined.key, joined.left or 0)) == expected
    for number, partition in enumerate(seen(link)):
        assert all(target_of(joined.key, 2) == number for joined in partition)


def test_union_puts_partitions_of_the_same_number_together(env, numbers):
    link = numbers.union(env.range(10, 13, parallelism=3))
    assert (link.parallelism, seen(link)) == (3, [[0, 1, 10], [2, 3, 11], [4, 5, 12]])
