"""Sequences in the driver's memory: what tells their elements from others."""

from __future__ import annotations

import pickle
import sys
import time
from dataclasses import dataclass, replace
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtset import TSetEnvironment, fingerprint
from dtset.execution.data.inline import snapshot
from dtset.plan.rows import row_class
from dtset.storage.batch import Rows
from tests.properties import examples
from tests.storage.values import batches


class Reading(NamedTuple):
    place: str
    value: float
    number: int | None = None


@dataclass
class Mark:
    place: str
    tags: list[object]


READINGS = [Reading(str(number), number / 2, number) for number in range(100)]


def identity(elements, parallelism=1, batch_size=1000):
    taken = snapshot(lambda rows: Rows(elements[rows]), len(elements), parallelism, batch_size)
    return fingerprint(taken.identity())


@settings(max_examples=examples(20), deadline=None)
@given(batches, st.integers(1, 4), st.integers(1, 50))
def test_how_a_sequence_is_cut_does_not_count(elements, parallelism, batch_size):
    many = (elements * 40)[:60]
    assert identity(many) == identity(many, parallelism, batch_size)


@pytest.mark.parametrize(
    "other",
    [
        READINGS[1:],
        [*READINGS[:99], Reading("99", 49.5, None)],
        [*READINGS[:99], Reading("99", 49.5, True)],
        [*READINGS[:99], Reading("99", -49.5, 99)],
        [*READINGS[:99], ("99", 49.5, 99)],
        list(map(tuple, READINGS)),
        [READINGS[1], READINGS[0], *READINGS[2:]],
    ],
)
def test_other_elements_are_another_sequence(other):
    assert identity(READINGS) == identity(list(READINGS))
    assert identity(READINGS) != identity(other)
    assert fingerprint(READINGS) == fingerprint([Reading(*each) for each in READINGS])
    assert fingerprint(READINGS) != fingerprint(other)


def test_parts_that_are_seen_into_count_in_many_instances_too():
    marks = [Mark(str(number), [number, {number}]) for number in range(100)]
    same = [replace(mark, tags=[*mark.tags]) for mark in marks]
    assert fingerprint(marks) == fingerprint(same)
    same[70].tags[1] = {7}
    assert fingerprint(marks) != fingerprint(same)
    same[70].tags = marks[70].tags
    same[70].note = "more"
    assert fingerprint(marks) != fingerprint(same)


CLASS = """
from typing import NamedTuple
class Reading(NamedTuple):
    place: str
    value: float
    def doubled(self):
        return self.value * 2
"""


@pytest.mark.parametrize("length", [3, 100])
def test_an_edited_class_of_the_elements_is_a_miss_that_names_it(
    store, length, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(tmp_path)

    def run(text):
        (tmp_path / "readings9.py").write_text(text)
        sys.modules.pop("readings9", None)
        import readings9

        with TSetEnvironment(store=store, cluster="synchronous", job_id="job") as env:
            elements = [readings9.Reading(str(number), 0.5) for number in range(length)]
            kept = env.parallelize(elements, 2).lazy_persist("kept")
            (found,) = env.plan(kept).persists
            kept.count()
            return found.state, found.why

    assert run(CLASS)[0] == "miss"
    assert run(CLASS)[0] == "hit"
    state, why = run(CLASS.replace("* 2", "* 2.0"))
    assert state == "miss"
    assert why.startswith("method readings9.Reading.doubled: code changed")


@pytest.mark.parametrize(
    "many", [READINGS * 500, [Mark(each.place, [1]) for each in READINGS * 200]]
)
def test_many_records_are_fingerprinted_in_a_moment(env, many):
    began = time.process_time()
    assert env.parallelize(many).count() == len(many)
    # One by one, 50,000 took fifteen seconds.
    assert time.process_time() - began < 3


def test_rows_of_one_table_are_of_one_class_however_many_tables_there_are():
    rows = row_class(("a", "b c"))
    for number in range(500):
        row_class((f"c{number}",))
    assert row_class(("a", "b c")) is rows
    assert type(pickle.loads(pickle.dumps(rows(1, 2)))) is rows
