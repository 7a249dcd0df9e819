from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from dtset.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["submit", "absent.py"], "'absent.py' does not exist"),
        (["submit", "."], "a folder without a __main__.py"),
        (["submit", "--job-id", "a/b", "ok.py"], "cannot name a folder"),
        (["submit", "--job-id", "a..b", "ok.py"], "cannot name a folder"),
        (["submit", "--job-id", "", "ok.py"], "cannot name a folder"),
        (["submit", "--workers", "0", "ok.py"], "not in the range x>=1"),
        (["submit", "--cluster", "nonsense", "ok.py"], "is no cluster"),
        (
            ["submit", "--workers", "2", "--cluster", "tcp://h:1", "ok.py"],
            "exclude each other",
        ),
        (["submit", "--store", "nosuch://x", "ok.py"], "no file system 'nosuch'"),
        (["submit", "--store", "/proc/self/x", "ok.py"], "cannot make the folder"),
        (["submit", "--store", "", "ok.py"], "give a URL or a path"),
        (["submit", "--unknown", "ok.py"], "No such option"),
        (["restart", "absent"], "no job absent in the store"),
        (["restart", "a/b"], "cannot name a folder"),
        (["restart", "x", "--workers", "2", "--cluster", "threads"], "exclude each other"),
        (["show", "absent"], "no job absent in the store"),
        (["show", "..", "--json"], "cannot name a folder"),
        (["clear", "absent", "--delete"], "no job absent in the store"),
        (["clear", "../store", "--delete"], "cannot name a folder"),
        (["clear", "folder", "--delete"], "no job folder in the store"),
        (["clear"], "Missing argument"),
        (["jobs", "--store", "nowhere"], "there is no store at"),
    ],
)
def test_it_is_refused_before_anything_is_written(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dtset.settings.setting", {"store": "store"}.__getitem__)
    (tmp_path / "ok.py").write_text("open('was-run', 'w')")
    (tmp_path / "store" / "folder").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_process_answers_so_too(cli: Any) -> None:
    for arguments in (["show", "absent", "--store", "."], ["submit", "--store", "/proc/x", "s.py"]):
        cli.script("print('was run')", "s.py")
        done = cli(*arguments, status=2)
        assert done.stdout == ""
        assert done.stderr.startswith("Error: ")
        assert "Traceback" not in done.stderr


def test_below_dask_too() -> None:
    dask = click.Group("dask", commands={"dtset": main})
    result = CliRunner().invoke(dask, ["dtset", "show", "absent", "--store", "memory://nothing"])
    assert result.exit_code == 2
    assert "Error: no job absent" in result.stderr


@pytest.mark.parametrize("store", ["nosuch://bucket/x", "/dev/null/store"])
def test_a_configured_store_that_cannot_be_used_is_bad_input(cli: Any, store: str) -> None:
    script = cli.script("print('ran')")
    done = cli("submit", script, status=2, DASK_DTSET__STORE=store)
    assert "ran" not in done.stdout
    assert store.partition(":")[0] in done.stderr
    assert "Traceback" not in done.stderr
