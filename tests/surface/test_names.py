"""Names of persists: what this program calls them, and what earlier ones did."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from dtset import TSetEnvironment, TSetNotFoundError
from dtset.cli.main import main


def environment(store):
    return TSetEnvironment(store=store, job_id="job", cluster="synchronous", parallelism=2)


def persist(env, name, factor=2):
    return env.range(4).map(lambda i: i * factor).persist(name)


def cli(store, *arguments):
    done = CliRunner().invoke(main, [*arguments, "--store", store])
    assert done.exit_code == 0, done.output
    return done.output


def names(store):
    return [each["names"] for each in json.loads(cli(store, "show", "job", "--json"))["persisted"]]


def test_a_hit_has_the_name_that_this_program_gave(store):
    with environment(store) as env:
        persist(env, "old")
    with environment(store) as env:
        persisted = persist(env, "new")
        assert persisted.hit is True
        assert env.persisted("new").collect() == env.persisted("old").collect() == [0, 2, 4, 6]
        assert env.persisted("new").name == "new"
        assert "new" in str(env.plan(persisted))
    with environment(store) as env:
        assert env.persisted("new").collect() == [0, 2, 4, 6]
        assert env.persisted("old").collect() == [0, 2, 4, 6]
        assert env.persisted(0).name == "new"
    assert cli(store, "explain", "job") == "Job job: its last run has persisted nothing\n"
    assert names(store) == [["new", "old"]]


def test_listings_go_by_the_present_name(store):
    with environment(store) as env:
        persist(env, "old")
    with environment(store) as env:
        persist(env, "new")
    assert cli(store, "explain", "job") == "new: hit\n"
    assert "new, old" in cli(store, "show", "job")
    with environment(store) as env, pytest.raises(TSetNotFoundError):
        env.persisted("newer")
    assert "TSet 'new' of job job: 2 partitions" in cli(store, "clear", "job", "--tset", "new")
    assert "which is 'old' too" in cli(store, "clear", "job", "--tset", "new", "--delete")
    with environment(store) as env:
        assert persist(env, "new").hit is False


def test_one_flow_under_two_names_is_found_by_both(store):
    for hit in (False, True):
        with environment(store) as env:
            assert (persist(env, "one").hit, persist(env, "two").hit) == (hit, True)
            for name in ("one", "two"):
                assert env.persisted(name).name == name
                assert env.persisted(name).collect() == [0, 2, 4, 6]
    assert names(store) == [["two", "one"]]
    with environment(store) as env:
        assert env.persisted("one").digest == env.persisted("two").digest


def test_data_that_were_found_under_a_new_name_can_be_accepted_under_it(store):
    with environment(store) as env:
        persist(env, "old")
    with environment(store) as env:
        persist(env, "new")
    with environment(store) as env, pytest.raises(KeyboardInterrupt):
        interrupted(env)
    assert "counts for the present program" in cli(store, "accept", "job", "new")
    with environment(store) as env:
        assert persist(env, "new", 3).collect() == [0, 2, 4, 6]


def interrupted(env):
    """Begin to persist what differs, and stop when it is said that it is computed."""
    run = env._session.run
    before = run.context.on_miss

    def stop(missed):
        before(missed)
        raise KeyboardInterrupt

    env._session.run = replace(run, context=replace(run.context, on_miss=stop))
    persist(env, "new", 3)


def test_a_name_is_found_however_many_runs_have_come_since(store):
    with environment(store) as env:
        persist(env, "old")
    with environment(store) as env:
        persist(env, "new")
    for number in range(25):
        with environment(store) as env:
            persist(env, "other", number + 10)
    with environment(store) as env:
        assert env.persisted("new").collect() == [0, 2, 4, 6]
