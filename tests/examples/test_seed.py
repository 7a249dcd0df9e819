from __future__ import annotations

import re
from pathlib import Path

from tests.examples.processes import ROOT, run

SEED = str(ROOT / "examples" / "seed.py")
CLI = ("-m", "dtset.cli.main")


def test_submitted_it_computes_and_restarted_it_finds(tmp_path: Path) -> None:
    store = tmp_path / "store"
    first = run(*CLI, "submit", "--job-id", "seed-1", SEED, store=store)
    second = run(*CLI, "restart", "seed-1", store=store)
    for output in (first, second):
        assert output.count("SUM = 999980000\n") == 1
        assert re.search(r"^Job ID +: seed-1$", output, re.MULTILINE)
        assert re.search(r"^Time taken for two_computes 0\.0\d\d s$", output, re.MULTILINE)
        assert re.search(r"^Time taken for persist \d+\.\d{3} s$", output, re.MULTILINE)
    assert ": computed, 4 partitions, 40000 rows" in first
    assert ": found, 4 partitions, 40000 rows" in second
