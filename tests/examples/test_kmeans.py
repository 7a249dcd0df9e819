from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from tests.examples.processes import ROOT, run
from tests.forks import start_python
from tests.programs import ENVIRONMENT, kill_all, wait_for

KMEANS = str(ROOT / "examples" / "kmeans.py")


def clustered_plainly() -> list[float]:
    """How far the centers move in each iteration."""
    points, moves = load_digits().data, [1.0]
    centers = points[:10]
    while moves[-1] > 0:
        distances = ((points[:, np.newaxis] - centers) ** 2).sum(axis=2)
        labels = distances.argmin(axis=1)
        after = np.array([points[labels == label].mean(axis=0) for label in range(10)])
        moves.append(float(np.abs(after - centers).max()))
        centers = after
    return moves[1:]


def test_killed_in_the_middle_it_goes_on_to_the_same_centers(tmp_path: Path) -> None:
    whole = run(KMEANS, "--job-id", "digits", store=tmp_path / "whole").splitlines()
    moves = [float(move) for move in re.findall(r"moved by (\S+), computed", "\n".join(whole))]
    assert moves == [round(move, 3) for move in clustered_plainly()]

    store, output = tmp_path / "store", tmp_path / "output"
    # On worker processes, which die with it: an iteration takes longer than it takes to see its line.
    variables = {"DASK_DTSET__STORE": str(store), "DASK_DTSET__WORKERS": "1"}
    with output.open("w") as file:
        command = [KMEANS, "--job-id", "digits"]
        killed = start_python(command, tmp_path, {**ENVIRONMENT, **variables}, file)
        wait_for(lambda: "iteration 3" in output.read_text())
        kill_all(killed)
    assert "commonest" not in output.read_text()
    again = run(KMEANS, "--job-id", "digits", store=store).splitlines()
    assert [line.replace("found", "computed") for line in again] == whole
    found = [line for line in again if line.endswith("found")]
    assert 3 <= len(found) < len(moves)
    assert again[: len(found)] == found
