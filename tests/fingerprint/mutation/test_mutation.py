"""Mutants and rewrites of real packages' functions: no false hit, no false miss."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fingerprint.mutation.equivalence import same_flow
from tests.fingerprint.mutation.mutants import mutated, mutations

ROOT = Path(__file__).parents[3]


def trial(tmp_path, capsys, *options):
    # A process of its own: what runs as the user's code registers handlers, types and exits.
    command = [sys.executable, "-m", "tests.fingerprint.mutation.trial", *options]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    printed = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    with capsys.disabled():
        print(f"\n{printed.stdout}")
    assert printed.returncode == 0, printed.stdout


# Small packages unlike each other: to run a package's definitions takes longer than to try one.
SAMPLED = ("csv", "fractions", "json", "toolz")


@pytest.mark.timeout(600)
def test_a_sample_has_no_false_hit_and_no_false_miss(tmp_path, capsys):
    packages = [option for name in SAMPLED for option in ("--package", name)]
    trial(tmp_path, capsys, "--mutants", "120", "--rewrites", "120", "--seed", "11", *packages)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_all_packages_have_no_false_hit_and_no_false_miss(tmp_path, capsys):
    trial(tmp_path, capsys, "--mutants", "700", "--rewrites", "700", "--seed", "11")


@pytest.mark.nightly
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", ["21", "22"])
def test_thousands_have_no_false_hit_and_no_false_miss(tmp_path, capsys, seed):
    trial(tmp_path, capsys, "--mutants", "5500", "--rewrites", "5500", "--seed", seed)


def compiled(source):
    return compile(source, "<test>", "exec")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("def f(x):\n if x: g()", "def f(x):\n if x:\n  g()\n  pass\n else: pass\n return", True),
        ("def f(x):\n a = x; return a", "def f(x):\n b = x; return b", True),
        ("def f(x): return x in [1, 2]", "def f(x): return x in (1, 2)", True),
        ("def f(x):\n while 1: x()", "def f(x):\n while True:\n  x()", True),
        ("def f(x): return x", "def f(y): return y", False),
        ("def f(x): return 1", "def f(x): return True", False),
        ("def f(x): return 0.0", "def f(x): return -0.0", False),
        ("def f(x):\n a = b = x; return a", "def f(x):\n a = b = x; return b", False),
        ("def f(x):\n try: x()\n except E: y()", "def f(x):\n try: x()\n except F: y()", False),
        ("def f(x):\n try: x()\n except E: y()\n z()", "def f(x):\n try: x(); z()\n except E: y()\n", False),
        ("def f(x): return lambda: x + 1", "def f(x): return lambda: x + 2", False),
    ],
)  # fmt: skip
def test_the_judge_follows_every_path(one, other, same):
    assert same_flow(compiled(one), compiled(other)) is same


def test_mutations_leave_the_original_alone_and_nothing_neutral_is_mutated():
    source = "def f(x: int = 1) -> str:\n    'text'\n    y: int = x\n    return [y, 2]"
    statement = ast.parse(source).body[0]
    made = [ast.unparse(mutated(statement, each)) for each in mutations(statement)]
    assert ast.unparse(statement) == ast.unparse(ast.parse(source))
    assert len(made) > 15
    assert all('"""text"""' in each for each in made)
    assert len(set(made)) > 15
