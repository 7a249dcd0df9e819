"""What people meet who come from PySpark, dask.bag, Twister2 or a notebook: names, forms and words."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import pytest

import dtset
from dtset import CachedTSet, JobRunningError, KeyedTSet, TSetEnvironment, UsageError
from dtset.tset.elsewhere import ELSEWHERE


def test_names_of_other_libraries_lead_to_ours(env):
    numbers = env.range(4)
    for name, ours in ELSEWHERE.items():
        method = ours.removeprefix("the attribute ").partition("(")[0]
        assert hasattr(KeyedTSet, method), ours
        assert not hasattr(numbers, name)
        with pytest.raises(AttributeError) as raised:
            getattr(numbers, name)
        assert f"no attribute {name!r}: dtset has {ours}" in str(raised.value)


def test_other_names_are_plain_attribute_errors(env):
    numbers = env.range(4)
    for name in ("colect", "_ipython_canary_method_should_not_exist_", "__array__"):
        with pytest.raises(AttributeError, match=rf"no attribute '{name}'$"):
            getattr(numbers, name)
    for use in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(UsageError, match="cannot be part of"):
            use(numbers)


def test_the_lines_that_errors_on_pairs_give_are_right(env):
    pairs = env.parallelize([("a", 1), ("a", 2)], 2)
    keyed = pairs.map_to_tuple(lambda x: x)
    joined = keyed.join(keyed)
    line = ".map_to_tuple(lambda j: (j.key, (j.left, j.right)))"
    for use in (
        lambda: pairs.keyed_reduce(max),
        lambda: joined.keyed_reduce(max),
        lambda: joined.join(keyed),
        lambda: keyed.join(joined),
        lambda: keyed.cogroup(pairs),
    ):
        with pytest.raises((AttributeError, UsageError)) as raised:
            use()
        assert ".map_to_tuple(lambda x: x)" in str(raised.value)
        assert line in str(raised.value)
    again = joined.map_to_tuple(lambda j: (j.key, (j.left, j.right)))
    assert again.keyed_reduce(max).collect() == [("a", (2, 2))]


def test_run_and_eval_take_any_tset(env, tmp_path):
    def noted(x):
        with (tmp_path / "calls").open("a") as calls:
            print(x, file=calls)
        return x

    numbers = env.range(3).map(noted)
    waiting = numbers.lazy_persist("waiting")
    env.run(numbers)
    assert (tmp_path / "calls").read_text() == "0\n1\n2\n"
    found = env.eval(numbers)
    assert isinstance(found, CachedTSet)
    assert found.collect() == [0, 1, 2]
    assert len((tmp_path / "calls").read_text().split()) == 6
    assert env.eval(waiting) is waiting
    pairs = numbers.map_to_tuple(lambda x: (x % 2, x))
    assert env.eval(pairs).keyed_reduce(max).collect_as_map() == {0: 2, 1: 1}
    env.run(found, waiting, numbers)
    with pytest.raises(UsageError, match="takes TSets"):
        env.run([numbers])


def test_what_cannot_be_sorted_is_said_of_what_was_called(env):
    mixed = env.parallelize([1, "a", 2, "b"], 2)
    for sort, said in (
        (lambda: mixed.sort_by(lambda x: x), "order of sort_by,"),
        (lambda: mixed.key_by(lambda x: x).sort_by_key(), "sort_by_key,"),
    ):
        with pytest.raises(TypeError) as raised:
            sort().collect()
        assert f"raised in {said}" in raised.value.__notes__[0]


def test_an_input_that_is_not_bound_is_said_with_those_that_are(env):
    def ask(x, ctx):
        return ctx.get_input("centers")

    unbound = env.range(2).map(ask)
    with pytest.raises(KeyError, match=r"no side input 'centers': bind one by calling add_input"):
        unbound.collect()
    bound = env.range(2).map(ask).add_input("center", env.range(2).cache())
    with pytest.raises(KeyError, match=r"no side input 'centers'; it has 'center': bind"):
        bound.collect()


def test_an_environment_of_this_process_that_is_still_open_is_said(store, caplog):
    arguments = {"store": store, "job_id": "cell", "cluster": "synchronous"}
    first = TSetEnvironment(**arguments)
    with TSetEnvironment(**arguments):
        assert "an earlier environment of this process" in caplog.text
        assert "close() it first" in caplog.text
    with pytest.raises(JobRunningError, match="earlier environment of this process"):
        TSetEnvironment(**arguments, exclusive=True)
    first.close()


def test_what_was_only_explained_is_not_waited_for(store, caplog, capsys):
    arguments = {"store": store, "job_id": "job", "cluster": "synchronous"}
    with TSetEnvironment(**arguments) as env:
        env.range(3).lazy_cache().map(str).lazy_persist("texts").explain()
    assert "texts" in capsys.readouterr().out
    assert "closed before" not in caplog.text
    with TSetEnvironment(**arguments) as env:
        env.range(3).lazy_persist("numbers")
    assert "closed before these were carried out: [<PersistedTSet" in caplog.text


def test_a_miss_that_is_explained_by_another_persist_of_its_name_says_so(env):
    numbers = env.range(3).map(str).persist("m")
    (_, second) = env.plan(numbers.map(len).lazy_persist("m")).persists
    assert second.why.startswith("operator range: replaced by persisted m; this run has persisted")
    assert second.why.endswith("of this name: give each a name of its own")


def test_settings_that_were_set_for_a_while_leave_the_others(store):
    program = (
        "import dask, dtset\n"
        "for _ in range(2):\n"
        "    with dask.config.set({'dtset.batch-size': 10}):\n"
        f"        with dtset.TSetEnvironment(cluster='synchronous', store={store!r}) as env:\n"
        "            assert env.range(30).count() == 30\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_testing_is_there_without_an_import():
    program = (
        "import dtset, sys; assert 'dtset.testing' not in sys.modules; dtset.testing.StoreTests"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert "testing" in dir(dtset)
