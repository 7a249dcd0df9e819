"""What a run would find, said before anything is run; TSets by their names."""

from __future__ import annotations

import operator
from pathlib import Path

import pytest

from dtset import (
    ConfigurationError,
    FingerprintError,
    TSetEnvironment,
    TSetNotFoundError,
    UsageError,
)


def environment(store, **arguments):
    return TSetEnvironment(
        **{"store": store, "cluster": "synchronous", "job_id": "job", "parallelism": 4, **arguments}
    )


def below(limit):
    def small(x):
        return x < limit

    return small


def states(env, tset):
    return [(each.name, each.state, each.why) for each in env.plan(tset).persists]


def objects(store):
    return sorted(path for path in Path(store).rglob("*") if path.is_file() and path.name != "beat")


def test_each_persist_of_a_flow_is_a_hit_a_part_a_miss_or_depends_on_another(store):
    with environment(store) as env:
        one = env.range(8).filter(below(5)).lazy_persist("small")
        other = one.map(str).lazy_persist("texts")
        assert states(env, other) == [
            ("small", "miss", "no earlier run persisted it"),
            ("texts", "depends on", "small"),
        ]
        assert (
            str(env.plan(other))
            == "small: miss: no earlier run persisted it\ntexts: depends on small"
        )
        env.run()
        assert states(env, other) == [("texts", "computed", "no earlier run persisted it")]
    with environment(store) as env:
        one = env.range(8).filter(below(5)).lazy_persist("small")
        other = one.map(repr).lazy_persist("texts")
        assert states(env, other) == [
            ("small", "hit", None),
            ("texts", "miss", "function repr: in place of str"),
        ]
        assert one.hit is True
        assert states(env, one) == [("small", "hit", None)]


def test_a_plan_computes_and_writes_nothing(store):
    def forbidden(x):
        raise AssertionError("computed")

    with environment(store) as env:
        before = objects(store)
        tset = env.range(4).map(forbidden).lazy_persist().map(forbidden)
        assert [each.state for each in env.plan(tset).persists] == ["miss"]
        tset.explain()
        assert objects(store) == before


def test_partitions_that_are_there_are_counted(store):
    def risky(x):
        if x == 7 and not (Path(store) / "mended").exists():
            raise OSError("the last partition")
        return x

    with environment(store) as env, pytest.raises(OSError, match="last"):
        env.range(8).map(risky).persist("risky")
    (Path(store) / "mended").touch()
    with environment(store) as env:
        tset = env.range(8).map(risky).lazy_persist("risky")
        (found,) = env.plan(tset).persists
        assert (found.state, found.found, found.partitions) == ("partial", 3, 4)
        assert "did not finish" in found.why
        assert str(found).startswith("risky: partial (3 of 4)")
        assert tset.hit == 3


def test_what_differs_is_said_when_it_is_computed_too(store, caplog):
    caplog.set_level("INFO", "dtset")
    for limit in (5, 6):
        with environment(store) as env:
            env.range(8).filter(below(limit)).persist("small")
    assert "persisting small: closure limit in tests.surface.test_plan.small: 5 → 6" in caplog.text


def test_a_predecessor_is_found_by_its_place_under_another_name(store):
    with environment(store) as env:
        env.range(8).filter(below(5)).persist("small")
    with environment(store) as env:
        env.range(8).filter(below(6)).persist("little")
        renamed = env.range(8).filter(below(5)).lazy_persist("tiny")
        assert states(env, renamed) == [("tiny", "hit", None)]
    with environment(store) as env:
        tset = env.range(8).filter(below(7)).lazy_persist("wee")
        assert states(env, tset) == [
            (
                "wee",
                "miss",
                "no earlier run persisted it by this name; little, at its place, differs in "
                "closure limit in tests.surface.test_plan.small: 6 → 7",
            )
        ]


def test_of_several_persists_of_one_name_each_is_compared_with_that_at_its_place(store):
    def run(limits):
        with environment(store) as env:
            lazy = [env.range(8).filter(below(limit)).lazy_persist("step") for limit in limits]
            said = []
            for each in lazy:
                said += states(env, each)
                env.run(each)
            return [why for _, state, why in said if state == "miss"]

    run([1, 10, 100])
    assert run([1, 11, 100]) == ["closure limit in tests.surface.test_plan.small: 10 → 11"]
    assert run([2, 11, 101]) == [
        "closure limit in tests.surface.test_plan.small: 1 → 2",
        "closure limit in tests.surface.test_plan.small: 100 → 101",
    ]


def test_edits_in_one_session_are_explained_by_the_session(store):
    with environment(store) as env:
        env.range(8).filter(below(5)).persist("small")
        edited = env.range(8).filter(below(6)).lazy_persist("small")
        assert states(env, edited) == [
            ("small", "miss", "closure limit in tests.surface.test_plan.small: 5 → 6")
        ]


def test_caches_that_were_not_run_are_named(store):
    with environment(store) as env:
        tset = env.range(4).map(str).lazy_cache().map(len).lazy_persist("lengths")
        assert states(env, tset) == [("lengths", "depends on", "the cache of map str")]
        env.run()
        assert states(env, tset) == [("lengths", "computed", "no earlier run persisted it")]


def test_without_checkpointing_all_is_computed(store):
    with environment(store, checkpointing=False) as env:
        tset = env.range(4).lazy_persist("numbers")
        assert states(env, tset) == [("numbers", "miss", "checkpointing is off")]


def test_a_plan_of_what_cannot_be_fingerprinted_is_an_error(store):
    import threading

    lock = threading.Lock()
    with environment(store) as env:
        with pytest.raises(FingerprintError, match="closure lock"):
            env.plan(env.range(4).map(lambda x: lock.locked()).lazy_persist())
        with pytest.raises(UsageError, match="TSet"):
            env.plan([1])


def test_a_persisted_tset_is_found_by_its_name_or_its_place(store):
    with environment(store) as env:
        env.range(8).filter(below(5)).persist("small")
        env.range(3).map(lambda i: (i, str(i))).persist("pairs")
        assert env.persisted("small").collect() == [0, 1, 2, 3, 4]
    with environment(store) as env:
        small = env.persisted("small")
        assert (small.hit, small.partitions, small.name) == (True, 4, "small")
        assert small.map(lambda x: -x).persist("negative").collect() == [0, -1, -2, -3, -4]
        assert env.persisted(1).keyed_reduce(operator.add).count() == 3
        # What this run has persisted comes before what earlier ones have.
        env.range(8).filter(below(2)).persist("small")
        assert env.persisted("small").collect() == [0, 1]
        with pytest.raises(TSetNotFoundError, match="'large'"):
            env.persisted("large")
    with environment(store) as env:
        assert env.persisted("small").collect() == [0, 1]


def test_below_a_persisted_tset_found_by_name_its_data_count(store):
    with environment(store) as env:
        env.range(8).filter(below(5)).persist("small").map(str).persist("texts")
    with environment(store) as env:
        assert env.persisted("small").map(str).persist("texts").hit is True


def test_what_a_function_is_called_does_not_count(store):
    def renamed(limit):
        def little(x):
            return x < limit

        return little

    with environment(store) as env:
        assert env.range(8).filter(below(5)).persist().hit is False
    with environment(store) as env:
        assert env.range(8).filter(renamed(5)).persist().hit is True
        assert env.range(8).filter(lambda x: x < 5).persist("small").hit is False
    with environment(store) as env:

        def constant(y):
            return y < 5

        assert env.range(8).filter(lambda y: y < 5).persist("small").hit is False
        assert env.range(8).filter(constant).persist("small").hit is True


def test_what_is_partly_there_below_an_exchange_that_hits_is_told(store):
    def risky(pair):
        if pair[0] == 3 and not (Path(store) / "mended").exists():
            raise OSError("the last partition")
        return pair

    def flow(env):
        pairs = env.range(8).map_to_tuple(lambda x: (x % 4, x))
        sums = pairs.keyed_reduce(operator.add).lazy_persist("sums")
        return sums.map(risky).lazy_persist("risky")

    with environment(store) as env, pytest.raises(OSError, match="last"):
        env.run(flow(env))
    (Path(store) / "mended").touch()
    with environment(store) as env:
        tset = flow(env)
        sums, risky_one = env.plan(tset).persists
        assert (sums.state, risky_one.state) == ("hit", "partial")
        assert risky_one.found == tset.hit


def test_the_place_of_a_source_is_said_as_it_is_seen_from_here(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for text in ("1\n2\n", "1\n2\n3\n"):
        (tmp_path / "data" / "a.csv").write_text(text)
        with environment(store) as env:
            lazy = env.read_text("data/a.csv", 1).lazy_persist("lines")
            said = str(env.plan(lazy))
            env.run(lazy)
    assert said == "lines: miss: source data/a.csv: file changed"


def test_a_place_is_a_number_or_a_name(store):
    with environment(store) as env:
        for wrong in (True, 1.5, None):
            with pytest.raises(ConfigurationError, match="name"):
                env.persisted(wrong)
