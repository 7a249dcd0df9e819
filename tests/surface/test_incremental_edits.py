"""Files and values that come, change and go, of a program that is edited, killed and restarted: never stale, nothing twice."""

from __future__ import annotations

import shutil
import sys
import tempfile
import types
from collections import Counter
from contextlib import suppress
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from dtset import StoreError, TSetEnvironment
from dtset.storage.opening import open_store
from dtset.testing import FaultyStore
from tests.properties import programs_under_edit

PROGRAM = """
from dataclasses import dataclass
FACTOR = {factor}
RAN = {ran!r}

@dataclass
class Rec:
    x: int
    rate = {rate}

def noted(what):
    with open(RAN, "a") as file:
        file.write(repr(what) + "\\n")
    return what

def helper(x):
    return x * FACTOR

def parsed(itr, ctx):
    for line in itr:
        yield helper(int(noted(line)))

def placed(itr, ctx):
    for x in itr:
        yield (x, ctx.index, ctx.parallelism if x == 5 else None) if x % 2 else x

def beside(itr, ctx):
    return [*itr, *ctx.get_input("side")]

def flow(env, folder, values):
    lines = env.read_text(folder, block_size=None).compute(parsed).persist("lines")
    records = lines.filter(lambda x: x % 2 == 0).map(Rec).persist("records")
    scores = records.map(lambda record: (record.x, record.rate)).persist("scores")
    numbers = env.parallelize(values, len(values)).map(noted).map(helper).persist("numbers")
    seen = env.parallelize(values, len(values)).compute(placed)
    both = numbers.concat(seen.map(str).concat(seen.compute(beside).add_input("side", numbers)))
    named = env.read_text(folder, block_size=4, with_path=True)
    all = both.map(repr).concat(named.map(repr)).persist("all")
    return [lines, records, scores, numbers, all]
"""
NAME = "incremental_under_edit"
TEXTS = ["1\n2\n", "1\n2\n3\n", "4\n", "", "5\n6\n7\n8\n", "4\n4\n"]


class Incremental(RuleBasedStateMachine):
    """A job whose inputs, and whose program, change between its runs."""

    def __init__(self):
        super().__init__()
        self.top = Path(tempfile.mkdtemp(prefix="dtset-incremental-"))
        self.folder = self.top / "in"
        self.folder.mkdir()
        (self.folder / "m").write_text(TEXTS[0])
        self.values = [1, 2, 3]
        self.factor, self.rate = 2, 1
        # By name and fingerprint of each version: the partitions in it, by what they are computed from.
        self.versions = {}
        self.runs = 0

    def teardown(self):
        shutil.rmtree(self.top)

    @rule(name=st.sampled_from("abcxyz"), text=st.sampled_from(TEXTS))
    def write(self, name, text):
        """Add a file, or change or touch one."""
        (self.folder / name).write_text(text)

    @rule(number=st.integers(0, 5))
    def remove(self, number):
        """Remove a file, unless it is the last."""
        files = sorted(self.folder.iterdir())
        if len(files) > 1:
            files[number % len(files)].unlink()

    @rule(number=st.integers(0, 5), name=st.sampled_from("abcxyz"))
    def rename(self, number, name):
        """Rename a file, perhaps to one that is there."""
        files = sorted(self.folder.iterdir())
        files[number % len(files)].rename(self.folder / name)

    @rule(number=st.integers(0, 5), text=st.sampled_from(TEXTS))
    def append(self, number, text):
        """Append to a file."""
        files = sorted(self.folder.iterdir())
        with files[number % len(files)].open("a") as file:
            file.write(text)

    @rule(values=st.lists(st.integers(0, 5), min_size=1, max_size=6))
    def give(self, values):
        """Add, drop and reorder values."""
        self.values = values

    @rule(factor=st.sampled_from([2, 3]), rate=st.sampled_from([1, 1, 5]))
    def edit(self, factor, rate):
        """Edit what functions and the class do."""
        self.factor, self.rate = factor, rate

    @rule(number=st.integers(1, 60), how=st.sampled_from(["before", "torn", "after"]))
    def crash(self, number, how):
        """Start the job, and have the store fail at a call."""

        def failing(*args):
            return FaultyStore(open_store(*args), number, how=how)

        with mock.patch("dtset.session.session.open_store", failing), suppress(StoreError):
            self.run("job", self.top / "store")

    @rule()
    def restart(self):
        """Start the job again: it returns what a new one would, and computes what no whole run has computed."""
        kept = Counter(key for made in self.versions.values() for key in made)
        contents = [path.read_text() for path in sorted(self.folder.iterdir())]
        parts = [("lines", self.factor, text) for text in contents]
        parts += [("numbers", self.factor, value) for value in self.values]
        computed = Counter(
            what
            for part in parts
            if part not in kept
            for what in (part[2].splitlines(True) if part[0] == "lines" else [part[2]])
        )
        found, ran, made = self.run("job", self.top / "store")
        self.runs += 1
        fresh, _, _ = self.run(f"fresh-{self.runs}", self.top / "fresh")
        assert found == fresh
        assert not ran - computed
        self.versions[made["lines"]] = parts[: len(contents)]
        self.versions[made["numbers"]] = parts[len(contents) :]

    @precondition(lambda self: self.versions)
    @rule(number=st.integers(0, 9))
    def drop(self, number):
        """Remove a version, as `clear` does."""
        from dtset.checkpoint.manifest import delete_tset

        version = sorted(self.versions)[number % len(self.versions)]
        delete_tset(open_store(str(self.top / "store")), "job", version)
        del self.versions[version]

    def run(self, job_id, store):
        """Run the program: what is in its TSets, what was computed, and versions by name."""
        ran = self.top / "ran"
        ran.write_text("")
        module = types.ModuleType(NAME)
        module.__file__ = str(self.top / f"{NAME}.py")
        sys.modules[NAME] = module
        source = PROGRAM.format(factor=self.factor, rate=self.rate, ran=str(ran))
        exec(compile(source, module.__file__, "exec"), vars(module))
        try:
            with TSetEnvironment(job_id=job_id, store=str(store), cluster="synchronous") as env:
                tsets = module.flow(env, self.folder, self.values)
                found = [repr(each.collect()) for each in tsets]
                made = {each.name: "/".join(each.url.split("/")[-4:-2]) for each in tsets}
        finally:
            del sys.modules[NAME]
        return found, Counter(map(eval, ran.read_text().splitlines())), made


TestIncremental = Incremental.TestCase
TestIncremental.settings = programs_under_edit(30)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_inputs_that_change_at_random_for_long():
    run_state_machine_as_test(
        Incremental,
        settings=settings(TestIncremental.settings, max_examples=300, stateful_step_count=40),
    )
