"""Explanations and the user's word, whatever the store holds: a run never ends because of them."""

from __future__ import annotations

import itertools
import json
import sys
import types
from pathlib import Path

import pytest

from dtset import CorruptCheckpointError, TSetEnvironment
from dtset.checkpoint.acceptance import accept
from dtset.checkpoint.runs import read_events
from dtset.storage.opening import open_store
from dtset.storage.records import seal, unseal


def environment(store, **arguments):
    return TSetEnvironment(
        **{"store": store, "cluster": "synchronous", "job_id": "job", "parallelism": 2, **arguments}
    )


def times(factor):
    return lambda x: x * factor


def persisted(env, factor, **arguments):
    return env.range(4).map(times(factor)).persist("d", **arguments)


def version(persisted):
    """Where a TSet lies below the job's."""
    return "/".join(persisted.url.split("/")[-4:-2])


def accepted(store, old, new):
    """Have the data of one factor accepted for another's program."""
    with environment(store) as env:
        data = version(persisted(env, old))
        wanted = version(persisted(env, new))
    objects = open_store(store)
    objects.delete(f"job/tsets/{wanted}")
    accept(objects, "job", wanted, data, name="d", why="a test", by="me@here")
    return data, wanted


def test_accepted_data_are_found_and_their_own_program_keeps_them(store):
    accepted(store, 2, 3)
    with environment(store) as env:
        found = persisted(env, 3)
        assert (found.hit, found.collect()) == (True, [0, 2, 4, 6])
        assert persisted(env, 2).hit is True


def test_a_refresh_of_accepted_data_is_the_present_programs_own(store):
    accepted(store, 2, 3)
    with environment(store) as env:
        assert persisted(env, 3, refresh=True).collect() == [0, 3, 6, 9]
    with environment(store) as env:
        assert persisted(env, 2).collect() == [0, 2, 4, 6]
        assert persisted(env, 3).collect() == [0, 3, 6, 9]


def test_dropping_accepted_data_takes_back_the_word_and_leaves_the_data(store):
    accepted(store, 2, 3)
    with environment(store) as env:
        persisted(env, 3).unpersist()
        assert persisted(env, 3).hit is False
        assert persisted(env, 2).hit is True


def test_what_was_accepted_and_is_gone_is_computed(store):
    data, _ = accepted(store, 2, 3)
    open_store(store).delete(f"job/tsets/{data}")
    with environment(store) as env:
        assert persisted(env, 3).collect() == [0, 3, 6, 9]


def test_without_checkpointing_what_earlier_runs_committed_stays(store):
    with environment(store) as env:
        persisted(env, 2)
    with environment(store, checkpointing=False) as env:
        assert env.persisted("d").collect() == [0, 2, 4, 6]
        persisted(env, 5)
    with environment(store) as env:
        assert persisted(env, 2).hit is True


def change(path: Path, edit) -> None:
    """Edit a record and seal it again."""
    record = unseal(path.read_bytes())
    record.pop("sha256", None)
    path.write_bytes(seal(edit(record)))


EDITS = {
    "torn": None,
    "empty": lambda record: {},
    "no tree": lambda record: {k: v for k, v in record.items() if k != "tree"},
    "tree of nothing": lambda record: {**record, "tree": []},
    "short rows": lambda record: {**record, "tree": [[1]]},
    "rows that lead nowhere": lambda record: {**record, "tree": [["a", "b", None, [7], "", ""]]},
    "no sources": lambda record: {**record, "sources": None},
    "another format": lambda record: {**record, "format": 99},
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_lineage_that_tells_nothing_ends_no_run(store, edit):
    with environment(store) as env:
        persisted(env, 2)
    (path,) = Path(store).glob("job/tsets/*/*/lineage.json")
    if EDITS[edit] is None:
        path.write_bytes(path.read_bytes()[:-9])
    else:
        change(path, EDITS[edit])
    with environment(store) as env:
        lazy = env.range(4).map(times(3)).lazy_persist("d")
        assert [each.state for each in env.plan(lazy).persists] == ["miss"]
        assert lazy.collect() == [0, 3, 6, 9]


@pytest.mark.parametrize(
    "event",
    [
        {"event": "persist", "name": "d"},
        {"event": "miss", "name": "d", "place": "0", "version": "ab" * 32},
        {"event": "persist", "name": "d", "place": 0, "version": "../../x", "hit": True},
        {"event": "else"},
        {},
    ],
)
def test_notes_of_another_version_tell_nothing_and_end_no_run(store, event):
    with environment(store) as env:
        persisted(env, 2)
    for path in Path(store).glob("job/runs/*/events*"):
        path.unlink()
    (run,) = Path(store).glob("job/runs/*")
    (run / "events-000000.jsonl").write_bytes(seal(event))
    assert read_events(open_store(store), "job", run.name) == []
    with environment(store) as env:
        assert persisted(env, 3).collect() == [0, 3, 6, 9]
        assert env.persisted("d").collect() == [0, 3, 6, 9]


def test_a_word_with_other_fields_is_an_error_that_says_so(store):
    _, wanted = accepted(store, 2, 3)
    change(
        Path(store) / f"job/tsets/{wanted}/accepted.json", lambda record: {**record, "data": "../x"}
    )
    with environment(store) as env, pytest.raises(CorruptCheckpointError, match="accept again"):
        persisted(env, 3)


def test_what_a_run_noted_is_one_object_when_it_has_ended(store):
    with environment(store) as env:
        for factor in range(5):
            persisted(env, factor)
    (run,) = Path(store).glob("job/runs/*")
    events = read_events(open_store(store), "job", run.name)
    assert [event["event"] for event in events] == ["miss", "persist"] * 5
    for path in run.glob("events-*"):
        path.unlink()
    assert read_events(open_store(store), "job", run.name) == events


def test_a_tset_is_found_by_name_however_many_runs_have_not_asked_for_it(store):
    with environment(store) as env:
        persisted(env, 2)
    for number in range(25):
        with environment(store) as env:
            if number % 2:
                env.range(2).persist("other")
    with environment(store) as env:
        assert env.persisted("d").collect() == [0, 2, 4, 6]


def test_code_that_is_nested_deep_is_explained_as_far_as_can_be(store):
    def program(last):
        branches = "".join(f"    elif i == {-n - 2}: return {n}\n" for n in range(1500))
        helpers = "".join(f"def h{n}(i): return h{n + 1}(i)\n" for n in range(700))
        source = (
            f"def g(i):\n    if i == -1: return 0\n{branches}    return h0(i) + {last}\n"
            f"{helpers}def h700(i): return i + {last}\n"
        )
        scope = {"__name__": "deep"}
        exec(compile(source, "deep.py", "exec"), scope)
        return scope["g"]

    for last in (1, 2, 2):
        with environment(store) as env:
            lazy = env.range(1).map(program(last)).lazy_persist("deep")
            assert len(env.plan(lazy).persists) == 1
            assert lazy.collect() == [2 * last]


def test_nothing_secret_is_said_or_shown_in_a_lineage(store, caplog, monkeypatch):
    caplog.set_level("INFO", "dtset")
    source = """
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

passwords = ["SECRET", 1]
config = {"password": {"value": "SECRET", "other": {1, 2}}}
url = "postgres://u:a/SECRET@host"

class Token:
    value = "SECRET"

class Login(NamedTuple):
    user: str
    password: str

@dataclass(frozen=True, slots=True)
class Credentials:
    user: str
    token: str

def connect_to(x, password="SECRET"):
    return x

def positional(password, x):
    return x

login, credentials = Login("bob", "SECRET"), Credentials("bob", "SECRET")
bound = partial(positional, "SECRET")
fetch_password = lambda: "SECRET"

def g(x):
    return connect_to(x), bound(x), login, credentials, fetch_password()

def f(x, password="SECRET"):
    "SECRET" if password is None else password
    headers = [("Authorization", "Bearer SECRET")]
    connect = dict(pw="SECRET")
    return x, passwords, config, url, Token.value, headers, connect
"""
    for secret, of in itertools.product(("hunter2", "hunter3"), "fg"):
        module = types.ModuleType("users_secrets")
        monkeypatch.setitem(sys.modules, "users_secrets", module)
        scope = vars(module)
        exec(compile(source.replace("SECRET", secret), "<secrets>", "exec"), scope)
        with environment(store) as env:
            lazy = env.range(1).map(scope[of]).map(bool).lazy_persist(of)
            assert "hunter" not in str(env.plan(lazy))
            lazy.count()
    assert "hunter" not in caplog.text
    for path in Path(store).glob("job/tsets/*/*/lineage.json"):
        record = json.loads(path.read_text())
        assert "hunter" not in json.dumps(record["tree"])
    for path in Path(store).glob("job/runs/*/events*"):
        assert "hunter" not in path.read_text()


def test_data_that_were_removed_are_said_to_be_and_nothing_else_is(store):
    with environment(store) as env:
        persisted(env, 2)
    with environment(store) as env:
        wanted = version(persisted(env, 3))
    open_store(store).delete(f"job/tsets/{wanted}")
    with environment(store) as env:
        lazy = env.range(4).map(times(3)).lazy_persist("d")
        assert env.plan(lazy).persists[0].why == "its data were removed since a run persisted it"
        env.run()
        assert (
            "removed" not in env.plan(env.range(4).map(times(5)).lazy_persist("d")).persists[0].why
        )


def test_what_did_not_finish_is_not_said_to_be_removed(store):
    def fail(x):
        raise ZeroDivisionError

    for _ in range(2):
        with environment(store) as env, pytest.raises(ZeroDivisionError):
            env.range(4).map(fail).persist("d")
    with environment(store) as env:
        lazy = env.range(4).map(fail).lazy_persist("d")
        assert env.plan(lazy).persists[0].why == "a run began to compute it and did not finish"
