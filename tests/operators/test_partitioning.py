"""`partition`: elements go where a function of the user's says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtset import ConfigurationError, KeyedTSet, PartitionFunc, TSetEnvironment, UsageError
from dtset.operators.partitioning import dealt_out
from dtset.storage.batch import Rows
from dtset.storage.columns import to_columns
from tests.properties import examples


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 4))), st.booleans())
def test_each_element_is_dealt_to_its_target_in_order(pairs, as_columns):
    elements, targets = [e for e, _ in pairs], [t for _, t in pairs]
    batch = to_columns(elements) if as_columns else Rows(elements)
    dealt = {target: part.rows() for target, part in dealt_out(batch, targets)}
    assert dealt == {
        target: [e for e, t in pairs if t == target] for target in sorted(set(targets))
    }


def partitions(tset):
    """Elements by partition."""
    return tset.compute(lambda itr, ctx: (ctx.index, list(itr))).collect()


@pytest.mark.parametrize("number", [1, 2, 5])
def test_elements_are_where_the_function_says_in_the_order_they_came_from(env, number):
    tset = env.range(40, parallelism=3).map(lambda i: (i, str(i)))
    dealt = tset.partition(lambda pair: pair[0] % number, number)
    expected = [(p, [(i, str(i)) for i in range(p, 40, number)]) for p in range(number)]
    assert partitions(dealt) == expected


def test_a_keyed_tset_stays_keyed_and_keeps_its_number_of_partitions(env):
    pairs = env.parallelize({"a": 1, "b": 2, "c": 3}, 3).partition(lambda pair: pair[1] - 1)
    assert isinstance(pairs, KeyedTSet)
    assert partitions(pairs) == [(0, [("a", 1)]), (1, [("b", 2)]), (2, [("c", 3)])]


@pytest.mark.parametrize(
    ("given_number", "error", "said"),
    [
        (2, UsageError, "gave 2 for 5: the partitions are 0 to 1"),
        (-1, UsageError, "gave -1"),
        ("x", TypeError, "gave 'x' for 5"),
        (0.0, TypeError, "gave 0.0"),
    ],
)
def test_what_is_not_a_partition_is_an_error_that_says_where(env, given_number, error, said):
    tset = env.parallelize([5], 2).partition(lambda i: given_number, 2)
    with pytest.raises(error, match=said) as caught:
        tset.collect()
    assert any("partition" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("number", [0, -1, 1.5, "2", True])
def test_a_number_of_partitions_is_checked_at_once(env, number):
    with pytest.raises(ConfigurationError, match="from 1 on"):
        env.range(3).partition(lambda i: 0, number)


def test_numpy_integers_are_partitions(env):
    assert env.range(4).partition(lambda i: np.int64(i % 2), 2).collect() == [0, 2, 1, 3]


def test_a_restart_finds_it_and_an_edit_does_not(store):
    def run(function):
        with TSetEnvironment(store=store, job_id="deal", cluster="synchronous") as env:
            dealt = env.range(20, parallelism=4).partition(function, 2).persist("dealt")
            return dealt.hit, dealt.collect()

    evens = [*range(0, 20, 2), *range(1, 20, 2)]
    assert run(lambda i: i % 2) == (False, evens)
    assert run(lambda i: i % 2) == (True, evens)
    hit, found = run(lambda i: 1 - i % 2)
    assert (hit, found) == (False, [*range(1, 20, 2), *range(0, 20, 2)])


class Turns(PartitionFunc):
    """Deals values out in turn, and notes how it was called."""

    def __init__(self):
        self.calls = []

    def prepare(self, sources, destinations):
        self.calls.append(("prepare", sources, destinations))
        self.next = 0

    def partition(self, source_index, value):
        self.calls.append(("partition", source_index, value))
        assert self.calls[0] == ("prepare", {0, 1}, {0, 1, 2})
        assert [name for name, *_ in self.calls[1::2]] == ["partition"] * ((len(self.calls)) // 2)
        return self.next % 3

    def commit(self, source_index, partition):
        self.calls.append(("commit", source_index, partition))
        self.next += 1


def test_an_object_is_prepared_asked_and_told_afresh_for_each_partition(env):
    turns = Turns()
    dealt = env.range(8, parallelism=2).partition(turns, 3)
    assert partitions(dealt) == [(0, [0, 3, 4, 7]), (1, [1, 5]), (2, [2, 6])]
    assert turns.calls == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("round_robin", [[0, 2, 3, 5], [1, 4]]),
        ("load_balanced", [[0, 2, 4], [1, 3, 5]]),
        ("one_to_one", [[0, 1, 2], [3, 4, 5]]),
    ],
)
def test_there_are_partitioners_to_choose_from(env, name, expected):
    dealt = env.range(6, parallelism=2).partition(getattr(env.functions.partition, name))
    assert [elements for _, elements in partitions(dealt)] == expected


def test_hashing_brings_equal_elements_together_as_keyed_operations_do(env):
    numbers = env.parallelize([1, 1.0, True, 2, "a", 2.0, "a"], 3)
    hashed = partitions(numbers.partition(env.functions.partition.hashing))
    assert [e for _, part in hashed for e in part].count(1) == 3
    for element in (1, 2, "a"):
        assert sum(element in part for _, part in hashed) == 1
    pairs = numbers.map_to_tuple(lambda x: (x, 0))
    by_key = pairs.keyed_partition(env.functions.partition.hashing)
    assert [[k for k, _ in part] for _, part in partitions(by_key)] == [part for _, part in hashed]


def test_one_to_one_needs_as_many_partitions(env):
    one_to_one = env.functions.partition.one_to_one
    with pytest.raises(UsageError, match="from 2 partitions to 3"):
        env.range(6, parallelism=2).partition(one_to_one, 3)
    left, right = (env.range(6, parallelism=number).key_by(abs) for number in (2, 3))
    with pytest.raises(UsageError, match="from 3 partitions to 2"):
        left.join(right, partition_func=one_to_one)


def test_what_is_no_partition_function_is_refused_at_once(env):
    for wrong in (Turns, "abc", 5):
        with pytest.raises(UsageError, match="partition takes"):
            env.range(3).partition(wrong)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(100),
)
@given(st.lists(st.lists(st.integers(), max_size=9), min_size=1, max_size=4), st.integers(1, 5))
def test_elements_are_spread_evenly_in_their_order(env, parts, number):
    tset = env.parallelize(parts, len(parts)).flat_map(list).repartition(number)
    found = [elements for _, elements in partitions(tset)]
    expected = [element for part in parts for element in part]
    assert [element for part in found for element in part] == expected
    lengths = list(map(len, found))
    assert len(found) == number
    assert max(lengths) - min(lengths) <= 1


def test_a_source_that_gives_something_else_than_when_it_was_counted_loses_nothing(env, tmp_path):
    def source(ctx):
        calls = tmp_path / f"calls-{ctx.index}"
        calls.touch()
        seen = calls.stat().st_size
        calls.write_bytes(b"x" * (seen + 1))
        return [(ctx.index, i) for i in range(3 + 5 * seen)]

    found = env.create_source(source, 2).repartition(3).collect()
    assert found == [(p, i) for p in range(2) for i in range(8)]
