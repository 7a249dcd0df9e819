from __future__ import annotations

from pathlib import Path

from tests.examples.processes import ROOT, run

DAILY = str(ROOT / "examples" / "daily.py")


def test_a_day_more_corrected_or_removed_costs_a_day(tmp_path: Path) -> None:
    store, logs = tmp_path / "store", tmp_path / "logs"

    def days(job_id: str = "daily") -> tuple[str, list[str]]:
        first, *rest = run(DAILY, str(logs), "--job-id", job_id, store=store).splitlines()
        return first.partition(":")[0], [first.partition(":")[2], *rest]

    def make(number: int) -> None:
        assert run(DAILY, str(logs), "--make", str(number), store=store) == ""

    make(6)
    assert days()[0] == "6 days, 6 of them computed"
    make(7)
    assert days()[0] == "7 days, 1 of them computed"
    corrected = logs / "0002.log"
    corrected.write_text("".join(corrected.read_text().splitlines(keepends=True)[:-9]))
    assert days()[0] == "7 days, 1 of them computed"
    (logs / "0004.log").unlink()
    said, totals = days()
    assert said == "6 days, 0 of them computed"
    assert days() == ("6 days, 0 of them computed", totals)
    assert days("fresh") == ("6 days, 6 of them computed", totals)
