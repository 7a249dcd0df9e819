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
# Hash seed and name of the module differ at once: digests that are the same depend on neither.
RUNS = [(["main", "plan"], "1"), (["module"], "2")]


@pytest.fixture(scope="module")
def digests(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    listed = folder / "pairs.json"
    listed.write_text(json.dumps([dataclasses.asdict(pair) for pair in PAIRS]))
    root = str(Path(__file__).parents[2])
    started = []
    for number, (modes, seed) in enumerate(RUNS):
        cwd = folder / str(number)
        cwd.mkdir()
        env = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": root,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [sys.executable, str(HERE / "run.py"), ",".join(modes), str(listed)]
        started.append(subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.PIPE))
    outputs = [process.communicate(timeout=280)[0] for process in started]
    assert [process.returncode for process in started] == [0] * len(RUNS)
    return {
        mode: digests
        for (modes, _), output in zip(RUNS, outputs, strict=True)
        for mode, digests in zip(modes, json.loads(output), strict=True)
    }


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
        assert digests["module"][number] == [before, after], "depends on hash seed or module"
