"""A program that is edited and started again, at random: never stale, and never computed without need."""

from __future__ import annotations

import shutil
import sys
import tempfile
import types
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from dtset import TSetEnvironment
from tests.properties import programs_under_edit

PROGRAM = """
{comment}
from dataclasses import dataclass
LIMIT = {limit}
OFFSETS = {offsets}

class Base:
    rate = {rate}

{record}
    def score(self):
        return {score}

def helper(x):
    {local} = {helper}
    return {local}

def clean(x, sign=1):
    return {clean}

def flow(env, path):
    numbers = env.read_text(path, 2).map(int)
    {inserted}
    cleaned = numbers.filter(clean).persist("clean")
    records = cleaned.map(Rec).persist("records")
    return [cleaned, records, records.map(lambda record: record.score()).persist("scores")]
"""
NAME = "program_under_edit"
# Whose instances are columns, and one whose are pickled.
DATACLASS = "@dataclass\nclass Rec(Base):\n    x: object"
PICKLED = "class Rec(Base):\n    def __init__(self, x):\n        self.x = x"


@dataclass(frozen=True)
class Program:
    """What can be edited; `comment` and `local` change nothing."""

    limit: str = "5"
    offsets: str = "[1, 2]"
    rate: str = "2"
    record: str = DATACLASS
    score: str = "self.x * self.rate"
    helper: str = "x + OFFSETS[0]"
    clean: str = "sign * helper(x) < LIMIT"
    inserted: str = ""
    content: str = "1 2 3 4 5 6 7 8"
    comment: str = ""
    local: str = "result"

    @property
    def meaning(self) -> Program:
        """The program without what changes nothing."""
        return replace(self, comment="", local="")


EDITS = {
    "limit": ["5", "6", "5.0", "3 + 3"],
    "offsets": ["[1, 2]", "[2, 1]", "(1, 2)", "[1, 3]"],
    "rate": ["2", "3", "2.0"],
    "record": [DATACLASS, PICKLED, DATACLASS.replace("@dataclass", "@dataclass(frozen=True)")],
    "score": ["self.x * self.rate", "self.rate * self.x", "self.x + self.rate", "-self.x"],
    "helper": ["x + OFFSETS[0]", "x + OFFSETS[-1]", "OFFSETS[0] + x", "abs(x)"],
    "clean": ["sign * helper(x) < LIMIT", "helper(x) < LIMIT", "helper(x) <= LIMIT", "x % 2 == 0"],
    "inserted": ["", "numbers = numbers.map(lambda x: -x)", "numbers = numbers.filter(bool)",
                 "numbers = numbers.map(lambda x: x + 0)"],
    "content": ["1 2 3 4 5 6 7 8", "8 7 6 5 4 3 2 1", "1 2 3", "1 2 3 4 5 6 7 9"],
    "comment": ["", "# moved down\n\n\n", '"""A docstring."""'],
    "local": ["result", "other", "a_name"],
}  # fmt: skip
MEANT = sorted(set(EDITS) - {"comment", "local"})


class Edited(RuleBasedStateMachine):
    """A job whose program is edited between its runs."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="dtset-edits-"))
        self.program = Program()
        self.earlier = [self.program]
        self.meanings = set()
        self.runs = 0

    def teardown(self):
        shutil.rmtree(self.folder)

    @rule(name=st.sampled_from(MEANT), choice=st.integers(0, 3))
    def edit(self, name, choice):
        """Edit a function, a global, a helper, a class, the file or the operators."""
        possible = EDITS[name]
        self.program = replace(self.program, **{name: possible[choice % len(possible)]})

    @rule(comment=st.sampled_from(EDITS["comment"]), local=st.sampled_from(EDITS["local"]))
    def reword(self, comment, local):
        """Change nothing that counts."""
        self.program = replace(self.program, comment=comment, local=local)

    @rule(number=st.integers(0, 20))
    def revert(self, number):
        """Go back to what the program was in an earlier run."""
        self.program = self.earlier[number % len(self.earlier)]

    @rule()
    def restart(self):
        """Start the job again: it returns what a new job would, and finds what it has made before."""
        found, hits = self.run("job", self.folder / "store")
        self.runs += 1
        expected, _ = self.run(f"fresh-{self.runs}", self.folder / "fresh")
        assert found == expected
        meaning = self.program.meaning
        if meaning in self.meanings:
            assert hits == [True, True, True]
        self.meanings.add(meaning)
        self.earlier.append(self.program)

    def run(self, job_id, store):
        # Written once: what is reverted is the same file again.
        path = self.folder / f"data-{EDITS['content'].index(self.program.content)}.txt"
        if not path.exists():
            path.write_text(self.program.content.replace(" ", "\n"))
        module = types.ModuleType(NAME)
        module.__file__ = str(self.folder / f"{NAME}.py")
        sys.modules[NAME] = module
        parts = {name: getattr(self.program, name) for name in EDITS}
        exec(compile(PROGRAM.format(**parts), module.__file__, "exec"), vars(module))
        try:
            with TSetEnvironment(job_id=job_id, store=str(store), cluster="synchronous") as env:
                persisted = module.flow(env, path)
                elements = [each.collect() for each in persisted]
                seen = [repr([getattr(x, "x", x) for x in each]) for each in elements]
                assert all(type(x) is module.Rec for x in elements[1])
                return seen, [each.hit for each in persisted]
        finally:
            del sys.modules[NAME]


TestEdited = Edited.TestCase
TestEdited.settings = programs_under_edit(30)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_edits_at_random_for_long():
    run_state_machine_as_test(
        Edited, settings=settings(TestEdited.settings, max_examples=500, stateful_step_count=40)
    )
