"""What each operator and action gives."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import pytest

from dtset import (
    EmptyTSetError,
    KeyedTSet,
    PersistedTSet,
    SourceFunc,
    TSet,
    TSetEnvironment,
    UsageError,
)


class Two(NamedTuple):
    key: object
    value: object


class UpTo(SourceFunc):
    def __init__(self, stop):
        super().__init__()
        self.i = 0
        self.stop = stop

    def has_next(self):
        return self.i < self.stop

    def next(self):
        self.i += 1
        return self.i - 1


def test_each_partition_gets_a_fresh_copy_of_the_source(env):
    source = env.create_source(UpTo(10), 4)
    assert source.collect() == list(range(10)) * 4
    assert source.count() == 40


def test_source_may_be_a_callable_with_or_without_ctx(env):
    assert env.create_source(lambda: [1, 2], 2).collect() == [1, 2, 1, 2]
    assert env.create_source(lambda ctx: [ctx.index], 3).collect() == [0, 1, 2]


def test_source_object_is_prepared_and_closed(env, tmp_path):
    class Files(SourceFunc):
        def prepare(self, ctx):
            self.log = tmp_path / f"{ctx.index}"
            self.left = 3

        def has_next(self):
            return self.left > 0

        def next(self):
            self.left -= 1
            return self.left

        def close(self):
            self.log.write_text("closed")

    assert env.create_source(Files(), 2).take(1) == [2]
    assert (tmp_path / "0").read_text() == "closed"


def test_keyed_source_and_mapping_give_keyed_tsets(env):
    assert isinstance(env.create_keyed_source(lambda: [("a", 1)], 2), KeyedTSet)
    mapped = env.parallelize({"a": 1, "b": 2}, 2)
    assert isinstance(mapped, KeyedTSet)
    assert mapped.collect() == [("a", 1), ("b", 2)]
    assert env.parallelize_dict({"a": 1}).collect() == [("a", 1)]
    assert env.parallelize_list([3, 1]).collect() == [3, 1]


def test_parallelize_does_not_see_later_changes(env):
    data = [1, 2]
    tset = env.parallelize(data, 2)
    data.append(3)
    assert tset.collect() == [1, 2]


def test_more_partitions_than_elements(env):
    assert env.parallelize([1], 5).map(lambda i: i + 1).collect() == [2]
    assert env.range(0, parallelism=3).collect() == []


@pytest.mark.parametrize("arguments", [(7,), (2, 9), (2, 9, 3), (9, 2, -2)])
def test_range_is_pythons(env, arguments):
    assert env.range(*arguments, parallelism=3).collect() == list(range(*arguments))


def test_direct_and_pipe_change_nothing(env):
    keyed = env.parallelize({"a": 1}).direct().pipe()
    assert isinstance(keyed, KeyedTSet)
    assert keyed.collect() == [("a", 1)]


def test_map_takes_functions_of_all_kinds(env):
    class Adder:
        def __init__(self, n):
            self.n = n

        def __call__(self, x):
            return x + self.n

        def add(self, x):
            return x + self.n

    numbers = env.range(3, parallelism=2)
    assert numbers.map(str).collect() == ["0", "1", "2"]
    assert numbers.map(Adder(2)).collect() == [2, 3, 4]
    assert numbers.map(Adder(2).add).collect() == [2, 3, 4]
    assert numbers.map(partial(pow, 2)).collect() == [1, 2, 4]
    assert numbers.map(lambda x, base=10: x + base).collect() == [10, 11, 12]
    assert numbers.map(lambda *args: len(args)).collect() == [1, 1, 1]
    assert numbers.map(lambda x, ctx: (ctx.index, ctx.parallelism)).collect()[-1] == (1, 2)


def test_filter_keeps_what_is_true(env):
    assert env.parallelize([0, 1, "", "a", None]).filter(lambda x: x).collect() == [1, "a"]
    assert isinstance(env.parallelize({"a": 1}).filter(lambda kv: True), KeyedTSet)


def test_flat_map_in_both_forms(env):
    def push(x, collector):
        for i in range(x):
            collector.collect(i)

    numbers = env.parallelize([2, 0, 3], 2)
    assert numbers.flat_map(range).collect() == [0, 1, 0, 1, 2]
    assert numbers.flat_map(push).collect() == [0, 1, 0, 1, 2]


def test_compute_in_its_three_forms(env):
    def push(itr, collector, ctx):
        for x in itr:
            collector.collect((ctx.get_index(), x))

    def stream(itr, ctx):
        yield "begin"
        yield from itr

    numbers = env.range(4, parallelism=2)
    assert numbers.compute(push).collect() == [(0, 0), (0, 1), (1, 2), (1, 3)]
    assert numbers.compute(lambda itr, ctx: sum(itr)).collect() == [1, 5]
    assert numbers.compute(stream).collect() == ["begin", 0, 1, "begin", 2, 3]
    assert numbers.compute(lambda itr, ctx: (x * 2 for x in itr)).collect() == [0, 2, 4, 6]


def test_compute_after_reduce_receives_the_value_itself(env):
    total = env.range(5, parallelism=2).reduce(operator.add)
    assert total.compute(lambda value, ctx: value + 1).collect() == [11]
    assert total.direct().compute(lambda value, ctx: value + 1).collect() == [11]

    def push(value, collector, ctx):
        collector.collect(value * 2)

    def stream(value, ctx):
        yield value
        yield -value

    assert total.compute(push).collect() == [20]
    assert total.compute(stream).collect() == [10, -10]
    assert total.map(lambda v: v - 1).collect() == [9]


def test_reduce_keeps_the_order_of_partitions(env):
    words = env.parallelize(list("abcdefg"), 3)
    assert words.reduce(lambda a, b: a + b).first() == "abcdefg"
    assert words.reduce(operator.add).parallelism == 1


def test_reduce_of_nothing_says_so(env):
    with pytest.raises(EmptyTSetError, match="without elements"):
        env.range(0).reduce(operator.add).collect()


def test_reduce_skips_empty_partitions(env):
    assert env.parallelize([5], 4).reduce(operator.add).first() == 5


def test_keyed_reduce_meets_equal_keys_of_different_types(env):
    pairs = env.parallelize([(1, "a"), (True, "b"), (1.0, "c"), ("1", "d")], 4)
    keyed = pairs.map_to_tuple(lambda pair: pair)
    assert sorted(keyed.keyed_reduce(operator.add).collect(), key=str) == [("1", "d"), (1, "abc")]


@dataclass(frozen=True)
class Sensor:
    name: str
    value: object


NAN_KEYS = {
    "alone": lambda nan: nan,
    "in a tuple": lambda nan: ("a", nan),
    "deeper": lambda nan: ("a", ("b", frozenset([nan]))),
    "in a dataclass": lambda nan: Sensor("a", nan),
}


@pytest.mark.parametrize("make", NAN_KEYS.values(), ids=NAN_KEYS)
@pytest.mark.parametrize("partitions", [1, 2, 7])
def test_keyed_reduce_takes_all_nans_as_one_key(env, make, partitions):
    def pair(i):
        return (make(2.0 if i == 3 else float("nan")), 1)

    keyed = env.range(7, parallelism=partitions).map_to_tuple(pair)
    assert sorted(value for _, value in keyed.keyed_reduce(operator.add).collect()) == [1, 6]


@pytest.mark.parametrize("returned", [{"a", 1}, "ab", b"ab", {"a": 1, "b": 2}, (1, 2, 3), [1], 5])
def test_map_to_tuple_takes_nothing_but_pairs_for_pairs(env, returned):
    kind = type(returned)

    def pair(i):
        return (i, i) if i < 5 else returned

    pairs = env.range(8, parallelism=2).map_to_tuple(pair)
    with pytest.raises(TypeError, match=f"a pair is a tuple .*{kind.__qualname__}") as caught:
        pairs.collect()
    assert "map_to_tuple" in str(caught.value.__notes__)
    assert "partition 1, element 1" in str(caught.value.__notes__)


def test_map_to_tuple_takes_lists_and_named_tuples_of_two(env):
    pairs = env.range(4, parallelism=2).map_to_tuple(lambda i: [i % 2, i] if i else Two(0, 0))
    assert pairs.collect() == [(0, 0), (1, 1), (0, 2), (1, 3)]
    assert sorted(pairs.keyed_reduce(operator.add).collect()) == [(0, 2), (1, 4)]


def test_keyed_reduce_names_a_key_type_it_cannot_place(env):
    class Odd:
        def __eq__(self, other):
            return True

        def __hash__(self):
            return 1

    keyed = env.parallelize([1], 1).map_to_tuple(lambda x: (Odd(), x))
    with pytest.raises(TypeError, match="Odd") as caught:
        keyed.keyed_reduce(operator.add).collect()
    assert "keyed_reduce" in "".join(caught.value.__notes__)


def test_keyed_reduce_of_what_is_no_pair_says_so(env):
    keyed = env.create_keyed_source(lambda: iter([(1, 2), {1, 2}]), 1)
    with pytest.raises(TypeError, match=r"\(key, value\)") as caught:
        keyed.keyed_reduce(operator.add).collect()
    assert "keyed_reduce" in str(caught.value.__notes__)
    assert "partition 0, element 1" in str(caught.value.__notes__)


@pytest.mark.parametrize("make", [lambda itr: map(str, itr), lambda itr: zip(itr), iter, enumerate])
def test_compute_streams_any_iterator_that_is_returned(env, make):
    def f(itr, ctx):
        return make(itr)

    expected = [element for start in (0, 3) for element in make(range(start, start + 3))]
    assert env.range(6, parallelism=2).compute(f).collect() == expected


def test_first_and_take_compute_no_more_partitions_than_needed(env, tmp_path):
    def source(ctx):
        (tmp_path / f"{ctx.index}").touch()
        yield from range(3)

    tset = env.create_source(source, 20)
    assert tset.first() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["0"]
    assert tset.take(4) == [0, 1, 2, 0]
    assert len(list(tmp_path.iterdir())) < 10
    assert tset.take(0) == []
    assert env.range(2).take(9) == [0, 1]


def test_first_of_nothing_says_so(env):
    with pytest.raises(EmptyTSetError):
        env.range(0).first()


def test_take_three_ends_an_endless_push(env):
    def forever(itr, collector, ctx):
        n = 0
        while True:
            collector.collect(n)
            n += 1

    assert env.range(1, parallelism=1).compute(forever).take(3) == [0, 1, 2]


def test_for_each_and_sink_see_all_elements(env, tmp_path):
    def note(x):
        (tmp_path / f"e{x}").touch()

    def whole(itr, ctx):
        (tmp_path / f"p{ctx.index}-{sum(itr)}").touch()

    numbers = env.range(4, parallelism=2)
    numbers.for_each(note)
    numbers.sink(whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "e0",
        "e1",
        "e2",
        "e3",
        "p0-1",
        "p1-5",
    ]


def test_lazy_actions_wait_for_run(env, tmp_path):
    lazy = env.range(2).lazy_for_each(lambda x: (tmp_path / str(x)).touch())
    sink = env.range(2).lazy_sink(lambda itr: (tmp_path / "sink").touch())
    assert not list(tmp_path.iterdir())
    env.run(lazy)
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1"}
    env.run()
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1", "sink"}
    assert env.eval(sink) is sink


def test_cache_computes_at_once_and_once(env, tmp_path):
    def noted(x):
        (tmp_path / f"{x}").touch()
        return x

    cached = env.range(3, parallelism=2).map(noted).cache()
    assert len(list(tmp_path.iterdir())) == 3
    for path in tmp_path.iterdir():
        path.unlink()
    assert cached.map(lambda x: x + 1).collect() == [1, 2, 3]
    assert cached.reduce(operator.add).first() == 3
    assert not list(tmp_path.iterdir())
    cached.unpersist()
    assert cached.count() == 3
    assert len(list(tmp_path.iterdir())) == 3


def test_lazy_cache_waits_for_an_action(env, tmp_path):
    lazy = env.range(2).map(lambda x: (tmp_path / f"{x}").touch()).lazy_cache()
    assert not list(tmp_path.iterdir())
    assert lazy.count() == 2
    assert len(list(tmp_path.iterdir())) == 2


def test_persist_of_pairs_stays_keyed(env):
    pairs = env.parallelize(["a", "b", "a"], 2).map_to_tuple(lambda w: (w, 1)).persist()
    assert isinstance(pairs, KeyedTSet)
    assert isinstance(pairs, PersistedTSet)
    assert dict(pairs.keyed_reduce(operator.add).persist().collect()) == {"a": 2, "b": 1}


def test_truth_length_and_iteration_are_errors_that_say_what_to_call(env):
    tset = env.range(3)
    with pytest.raises(TypeError, match="take"):
        bool(tset)
    with pytest.raises(TypeError, match="count"):
        len(tset)
    with pytest.raises(TypeError, match="collect"):
        iter(tset)


def test_compute_without_a_function_points_to_collect(env):
    with pytest.raises(UsageError, match=r"collect\(\)"):
        env.range(3).compute()


def test_names(env):
    tset = env.range(3).map(lambda x, ctx: ctx.name).set_name("shout")
    assert tset.name == "shout"
    assert tset.collect() == ["shout"] * 3
    assert isinstance(tset, TSet)


def test_ctx_random_is_the_same_in_every_attempt_and_another_in_each_partition(env):
    def draw(itr, ctx):
        yield float(ctx.random.random())

    drawn = env.range(3, parallelism=3).compute(draw)
    assert drawn.collect() == drawn.collect()
    assert len(set(drawn.collect())) == 3


def test_a_users_exception_keeps_its_type_and_says_where(env):
    def fail(x):
        if x == 5:
            raise KeyError("five")
        return x

    with pytest.raises(KeyError) as caught:
        env.range(8, parallelism=2).map(fail).collect()
    (note,) = caught.value.__notes__
    assert "map" in note
    assert "fail" in note
    assert "partition 1, element 1" in note
    frames = []
    traceback = caught.value.__traceback__
    while traceback:
        frames.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    assert "fail" in frames


def test_stop_iteration_in_a_function_loses_nothing_silently(env):
    def stop(x):
        if x == 2:
            raise StopIteration
        return x

    for tset in (
        env.range(4, parallelism=1).map(stop),
        env.range(4, parallelism=1).filter(stop),
        env.range(4, parallelism=1).flat_map(lambda x: [stop(x)]),
        env.range(4, parallelism=1).reduce(lambda a, b: stop(b)),
    ):
        with pytest.raises(RuntimeError, match="StopIteration"):
            tset.collect()


def test_ranges_longer_than_a_machine_word_counts(env):
    assert env.range(2**70, parallelism=2).take(2) == [0, 1]


def test_actions_are_carried_out_once(env, capsys):
    env.range(2).for_each(print)
    env.range(2).sink(lambda itr: print("sink", *itr))
    lazy = env.range(1).lazy_for_each(lambda x: print("lazy", x))
    lazy.run()
    env.run()
    assert sorted(capsys.readouterr().out.split("\n")) == [
        "",
        "0",
        "1",
        "lazy 0",
        "sink 0",
        "sink 1",
    ]


def test_caches_are_freed_when_nothing_refers_to_them(env):
    import gc

    cached = env.range(3).map(str).cache().set_name("kept")
    below = cached.map(len)
    del cached
    gc.collect()
    assert len(env._session.run.at_hand.cached) == 1
    assert below.collect() == [1, 1, 1]
    del below
    gc.collect()
    assert not env._session.run.at_hand.cached


def test_what_waits_when_the_environment_closes_is_named(store, caplog):
    with TSetEnvironment(store=store, cluster="synchronous", job_id="waiting") as env:
        env.range(3).lazy_persist("forgotten")
    assert "forgotten" in caplog.text
