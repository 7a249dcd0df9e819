import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fingerprint.corpus import attacked, pairs

HERE = Path(__file__).parent / "corpus"
PAIRS = pairs.PAIRS + attacked.PAIRS


def taken(folder, modes, seed, chosen):
    """Digests of pairs, in a process of its own: a list by mode."""
    folder.mkdir()
    listed = folder / "pairs.json"
    listed.write_text(json.dumps([dataclasses.asdict(pair) for pair in chosen]))
    env = {
        **os.environ,
        "PYTHONHASHSEED": seed,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, str(HERE / "run.py"), ",".join(modes), str(listed)]
    printed = subprocess.run(command, cwd=folder, env=env, stdout=subprocess.PIPE, check=True)
    return dict(zip(modes, json.loads(printed.stdout), strict=True))


@pytest.fixture(scope="session")
def digests(tmp_path_factory):
    return taken(tmp_path_factory.mktemp("corpus") / "main", ["main", "plan"], "1", PAIRS)


# What takes the digests runs once, however many processes run the tests.
@pytest.mark.xdist_group("corpus")
@pytest.mark.parametrize("number", range(len(PAIRS)), ids=[pair.name for pair in PAIRS])
def test_what_may_compute_something_else_has_another_digest(digests, number):
    before, after = digests["main"][number]
    in_plan = digests["plan"][number]
    assert not before.startswith(("error", "crash")), before
    assert not after.startswith("crash"), after
    if PAIRS[number].expect == "error":
        assert after.startswith("error")
        assert "→" in after
    else:
        assert not after.startswith("error"), after
        assert (before == after) == (PAIRS[number].expect == "same")
        assert (in_plan[0] == in_plan[1]) == (PAIRS[number].expect == "same"), "in a plan"


# Hash seed and name of the module differ at once: digests that are the same depend on neither.
@pytest.mark.xdist_group("corpus")
@pytest.mark.parametrize("step", [8, pytest.param(1, marks=pytest.mark.nightly)])
def test_no_digest_depends_on_the_hash_seed_or_the_module(digests, tmp_path, step):
    chosen = range(step // 2, len(PAIRS), step)
    elsewhere = taken(tmp_path / "module", ["module"], "2", [PAIRS[number] for number in chosen])
    differing = [
        PAIRS[number].name
        for number, found in zip(chosen, elsewhere["module"], strict=True)
        if PAIRS[number].expect != "error" and found != digests["main"][number]
    ]
    assert differing == []
