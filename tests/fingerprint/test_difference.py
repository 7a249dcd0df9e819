"""In what a program differs from an earlier one, in words."""

from __future__ import annotations

import sys
import types

import pytest

from dtset import TSetEnvironment
from dtset.fingerprint import fingerprint_tree
from dtset.fingerprint.difference import first_difference
from dtset.fingerprint.node import plan_tree, stored_tree
from dtset.fingerprint.tree import Tree, branch, from_json, leaf, to_json

PROGRAM = """
import functools
import logging

LIMIT = 5
CONFIG = {"a": 1, "b": [1, 2]}
TABLE = list(range(100))
API_TOKEN = "abc"
log = logging.getLogger("etl")

class Base:
    rate = 3

class Rec(Base):
    def __init__(self, x):
        self.x = x
    def score(self):
        return self.x * self.rate

RECORD = Rec(1)

def parse(x):
    return x + 3

def made(k):
    return lambda x: x + k

def even(n):
    return n == 0 or odd(n - 1)

def odd(n):
    return n != 0 and even(n - 1)

def clean(x, n=2):
    log.info("seen")
    if API_TOKEN and RECORD.x and TABLE[0]:
        return x
    return parse(x) < LIMIT and CONFIG["a"] and Rec(x).score() and even(x)

closure = made(4)
bound = functools.partial(clean, n=3)
"""


def tree_of(
    source: str, *, parallelism: int = 2, numbers: int = 10, inserted: bool = False
) -> Tree:
    """Tree of a flow over a program's functions, through the form in which it is stored."""
    module = types.ModuleType("etl")
    sys.modules["etl"] = module
    try:
        exec(compile(source, "etl.py", "exec"), vars(module))
        with TSetEnvironment(store="memory://difference", cluster="synchronous") as env:
            tset = env.range(numbers, parallelism=parallelism)
            if inserted:
                tset = tset.filter(bool)
            node = tset.map(module.clean).map(module.closure).map(module.bound)._node
            return from_json(to_json(plan_tree(node, {}, config={})))
    finally:
        del sys.modules["etl"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("LIMIT = 5", "LIMIT = 6", "global LIMIT in etl.clean: 5 → 6"),
        ("LIMIT = 5", "LIMIT = '5'", "global LIMIT in etl.clean: 5 → '5'"),
        ("LIMIT = 5", "def LIMIT(): pass", "global LIMIT in etl.clean: 5 → helper etl.LIMIT"),
        ("x + 3", "x + 4", "helper etl.parse: code changed"),
        ('"a": 1', '"a": 2', "global CONFIG in etl.clean: {'a': 1, 'b': [1, 2]} → {'a': 2, 'b': [1, 2]}"),
        ("range(100)", "range(1, 101)", "global TABLE in etl.clean: changed"),
        ('"abc"', '"abd"', "global API_TOKEN in etl.clean: changed"),
        ("rate = 3", "rate = 4", "attribute rate in etl.Base: 3 → 4"),
        ("self.x * self", "self.x + self", "method etl.Rec.score: code changed"),
        ("class Rec(Base)", "class Rec(Base, float)", "base float in etl.Rec: added"),
        ("Rec(1)", "Rec(2)", "global RECORD.x in etl.clean: 1 → 2"),
        ("made(4)", "made(5)", "closure k in etl.<lambda>: 4 → 5"),
        ("n=2", "n=7", "default n in etl.clean: 2 → 7"),
        ("n != 0", "n > 0", "helper etl.odd: code changed"),
        ("LIMIT and", "LIMIT or", "function etl.clean: code changed"),
        ("n=3", "n=4", "argument n in partial(clean): 3 → 4"),
    ],
)  # fmt: skip
def test_the_first_difference_is_said_in_words(before, after, said):
    assert before in PROGRAM
    found = first_difference(tree_of(PROGRAM), tree_of(PROGRAM.replace(before, after)))
    assert str(found) == said


def test_the_same_program_has_no_difference():
    assert first_difference(tree_of(PROGRAM), tree_of(f"# moved\n{PROGRAM}")) is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({}, {"parallelism": 4}, "partitions in range: 2 → 4"),
        ({}, {"numbers": 12}, "elements in range: range(0, 10) → range(0, 12)"),
        ({}, {"inserted": True}, "operator filter bool: added"),
        ({"inserted": True}, {}, "operator filter bool: removed"),
    ],
)
def test_operators_and_sources_are_compared_from_the_first_on(old, new, said):
    found = first_difference(tree_of(PROGRAM, **old), tree_of(PROGRAM, **new))
    assert str(found) == said


def test_another_python_is_said_before_all_that_it_changes():
    def tree(python):
        return branch("plan", leaf("python", python, shown=python), leaf("operator", python))

    assert str(first_difference(tree("3.11"), tree("3.12"))) == "Python 3.11 → 3.12"


def test_other_data_and_edited_classes_of_a_persisted_tset_are_said():
    def rec(rate):
        return {"etl:Rec": fingerprint_tree(type("Rec", (), {"rate": rate}), "class Rec")}

    one = stored_tree("clean", "aa", rec(1))
    other = first_difference(one, stored_tree("clean", "bb", rec(1)))
    assert str(other) == "persisted clean: its data changed"
    edited = first_difference(one, stored_tree("clean", "aa", rec(2)))
    assert str(edited).startswith("attribute rate in ")
    assert str(edited).endswith("Rec: 1 → 2")


def test_versions_of_libraries_are_said():
    def tree(version):
        return branch("f", leaf("distribution numpy", version, shown=version))

    assert str(first_difference(tree("2.0"), tree("2.1"))) == "distribution numpy: 2.0 → 2.1"
