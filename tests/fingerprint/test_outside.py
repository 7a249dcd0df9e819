"""What a function reads by itself is outside of its fingerprint, and noted once."""

from __future__ import annotations

import logging
import os
import random
import time

import pytest

from dtset.fingerprint import fingerprint


@pytest.fixture
def notes(caplog):
    caplog.set_level(logging.WARNING, "dtset.fingerprint")
    return lambda: [record.getMessage() for record in caplog.records]


def test_a_direct_open_clock_or_generator_is_noted_once_with_the_ways_in(notes):
    def reads(path):
        with open(path) as file:
            return file.read(), time.time(), random.random()

    for _ in range(3):
        fingerprint(reads)
    said = notes()
    assert len(said) == 3
    assert {each.split(" uses ")[1].split(":")[0] for each in said} == {
        "open",
        "time.time",
        "random.random",
    }
    assert all("depends_on=" in each and "ctx.random" in each for each in said)


def test_a_variable_of_the_environment_by_a_constant_name_is_covered(notes, monkeypatch):
    def reads(x):
        return (
            os.environ["DTSET_TEST_MODE"],
            os.environ.get("DTSET_TEST_MODE", x),
            os.getenv("DTSET_TEST_MODE"),
        )

    digests = []
    for mode in ("a", "b", "a"):
        monkeypatch.setenv("DTSET_TEST_MODE", mode)
        digests.append(fingerprint(reads))
    assert digests[0] == digests[2] != digests[1]
    assert notes() == []


def test_a_variable_of_the_environment_by_a_made_name_is_noted(notes):
    def reads(name):
        return os.environ[name.upper()]

    fingerprint(reads)
    assert ["os.environ" in each for each in notes()] == [True]
