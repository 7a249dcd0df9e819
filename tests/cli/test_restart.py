from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dtset import TSetEnvironment
from dtset.storage.records import seal, unseal

PROGRAM = """
    import os, sys
    from helper import times
    from dtset import TSetEnvironment

    env = TSetEnvironment(cluster="synchronous")
    numbers = env.range(6).map(lambda i: i * times).persist("numbers")
    print("A", sys.argv[1:], os.getcwd(), numbers.hit, sum(numbers.collect()), numbers.partitions)
"""


@pytest.fixture
def submitted(cli: Any) -> Path:
    (cli.folder / "program").mkdir()
    (cli.folder / "work").mkdir()
    cli.script("times = 2", "program/helper.py")
    script: Path = cli.script(PROGRAM, "program/script.py")
    cli("submit", "--job-id", "job", script, "--x", "y z", cwd=cli.folder / "work")
    return script


def _line(done: Any, first: str = "A") -> str:
    (line,) = (each for each in done.stdout.splitlines() if each.startswith(f"{first} "))
    return str(line)


def test_runs_the_script_again_as_it_was_run(cli: Any, submitted: Path) -> None:
    done = cli("restart", "job")
    assert _line(done) == f"A ['--x', 'y z'] {cli.folder / 'work'} True 30 1"
    assert "persisted numbers: found" in done.stdout
    # A restart of a restart, on another cluster: still the same, and from a store named relatively.
    done = cli("restart", "job", "--cluster", "threads", "--store", "store")
    assert _line(done) == f"A ['--x', 'y z'] {cli.folder / 'work'} True 30 1"
    assert [job["id"] for job in cli.json("jobs")] == ["job"]


def test_the_saved_copy_runs_in_place_of_a_changed_script(cli: Any, submitted: Path) -> None:
    submitted.write_text(submitted.read_text().replace('"A"', '"B"').replace("i * times", "i"))
    assert _line(cli("restart", "job", "--as-submitted")).endswith("True 30 1")
    assert _line(cli("restart", "job"), "B").endswith("False 15 1")


def test_a_script_that_is_gone_is_said_so(cli: Any, submitted: Path) -> None:
    submitted.unlink()
    done = cli("restart", "job", status=2)
    assert f"is gone: {submitted}" in done.stderr
    assert "dtset restart job --as-submitted" in done.stderr
    for _ in range(2):
        assert _line(cli("restart", "job", "--as-submitted")).endswith("True 30 1")
    for copy in (cli.store / "job" / "script").rglob("*.py"):
        copy.write_text("print('altered')")
    done = cli("restart", "job", "--as-submitted", status=2)
    assert "is not what was saved" in done.stderr
    assert "altered" not in done.stdout


def test_a_script_without_a_copy_is_not_said_to_have_one(cli: Any, submitted: Path) -> None:
    submitted.unlink()
    for path in (cli.store / "job" / "runs").glob("*/run.json"):
        record = unseal(path.read_bytes())
        assert record is not None
        record["program"]["copy"] = None
        path.write_bytes(seal({key: each for key, each in record.items() if key != "sha256"}))
    done = cli("restart", "job", status=2)
    assert "Put it back" in done.stderr
    assert "--as-submitted" not in done.stderr


def test_a_folder_that_is_gone_is_said_so(cli: Any, submitted: Path) -> None:
    (cli.folder / "work").rmdir()
    assert f"is gone: {cli.folder / 'work'}" in cli("restart", "job", status=2).stderr


def test_a_job_without_a_script_says_what_to_do(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    # As in a notebook: the main module comes from no file.
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    monkeypatch.setattr(sys, "argv", ["kernel"])
    TSetEnvironment(job_id="cells", cluster="synchronous", store=cli.store).close()
    done = cli("restart", "cells", status=2)
    assert f"TSetEnvironment(job_id='cells', store='{cli.store}')" in done.stderr


def test_driver_state_of_a_changed_program_is_kept_or_reset_by_word(cli: Any) -> None:
    script = cli.script(
        """
        from dtset import TSetEnvironment

        def step(x):
            return x + 1

        with TSetEnvironment(cluster="synchronous") as env:
            turn = env.init_variable("turn", 0)
            print("A", turn)
            env.update_variable("turn", step(turn))
            env.commit()
        """
    )
    cli("submit", "--job-id", "job", script)
    assert _line(cli("restart", "job")) == "A 1"
    script.write_text(script.read_text().replace("x + 1", "x + 10"))
    said = cli("restart", "job", status=1).stderr
    assert "StaleVariablesError" in said
    assert "code script.step: code changed" in said
    assert _line(cli("restart", "job", "--keep-variables")) == "A 2"
    script.write_text(script.read_text() + "again = True\n")
    assert _line(cli("restart", "job", "--reset-variables")) == "A 0"
