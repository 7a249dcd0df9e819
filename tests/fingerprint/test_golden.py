"""Digests may not change within a format and a minor version of Python: that would lose stored data.

    python -m tests.fingerprint.test_golden

writes `golden/digests.json` anew, which belongs to a new `FORMAT`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dtset.fingerprint import FORMAT, fingerprint
from tests.fingerprint.golden.subjects import SUBJECTS

FILE = Path(__file__).parent / "golden" / "digests.json"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# As a program it writes those of a format that is not there yet.
KEPT = {} if __name__ == "__main__" else json.loads(FILE.read_text())[f"format {FORMAT}"]
GOLDEN = KEPT.get(PYTHON, {})

pytestmark = pytest.mark.skipif(not GOLDEN, reason=f"no golden digests of Python {PYTHON} are kept")


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_digest_is_the_one_that_is_kept(name):
    assert fingerprint(SUBJECTS[name]) == GOLDEN[name]


def test_each_kept_digest_has_its_subject_and_is_another():
    assert set(GOLDEN) == set(SUBJECTS)
    assert len(set(GOLDEN.values())) == len(GOLDEN)


def test_a_fresh_process_with_another_hash_seed_and_folder_gives_the_same(tmp_path):
    program = (
        "import json, sys\n"
        "from dtset.fingerprint import fingerprint\n"
        "from tests.fingerprint.golden.subjects import SUBJECTS\n"
        "json.dump({name: fingerprint(each) for name, each in SUBJECTS.items()}, sys.stdout)\n"
    )
    root = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": root}
    command = [sys.executable, "-c", program]
    printed = subprocess.run(command, cwd=tmp_path, env=env, check=True, stdout=subprocess.PIPE)
    assert json.loads(printed.stdout) == GOLDEN


def write() -> None:
    kept = json.loads(FILE.read_text()) if FILE.exists() else {}
    digests = {name: fingerprint(each) for name, each in SUBJECTS.items()}
    kept.setdefault(f"format {FORMAT}", {})[PYTHON] = digests
    FILE.write_text(json.dumps(kept, indent=1, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    write()
