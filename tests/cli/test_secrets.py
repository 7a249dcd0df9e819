"""What gives access to a store, and what is secret in arguments, is neither shown nor written by the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
# A file system that wants a password in its URLs, in every process that finds it on its path.
REMOTE = """
    import os
    import fsspec
    from fsspec.implementations.local import LocalFileSystem

    class Remote(LocalFileSystem):
        protocol = "xfs"

        def __init__(self, password=None, **options):
            if password != "hunter2":
                raise PermissionError("who are you?")
            super().__init__(**options)

        @staticmethod
        def _get_kwargs_from_urls(url):
            return {"password": url.partition("://")[2].rpartition("@")[0].partition(":")[2]}

        @classmethod
        def _strip_protocol(cls, path):
            host, mark, rest = str(path).partition("://")
            return os.environ["REMOTE"] + "/" + rest.rpartition("@")[2] if mark else str(path)

    fsspec.register_implementation("xfs", Remote)
"""
URL = "xfs://user:hunter2@host/x"
PROGRAM = """
    import sys
    from dtset import TSetEnvironment

    with TSetEnvironment(cluster="synchronous"STORE) as env:
        print("hit", env.range(4).map(abs).persist("numbers").hit)
    sys.exit(int(sys.argv[-1]))
"""


@pytest.fixture
def run(cli: Any) -> Any:
    (cli.folder / "site").mkdir()
    cli.script(REMOTE, "site/sitecustomize.py")

    def run(*arguments: object, status: int = 0) -> str:
        done = cli(
            *arguments,
            status=status,
            PYTHONPATH=f"{cli.folder / 'site'}:{ROOT}",
            REMOTE=str(cli.folder / "remote"),
        )
        return str(done.stdout + done.stderr)

    return run


def records(folder: Path) -> list[str]:
    paths = [path for path in folder.rglob("*") if path.is_file() and "script" not in path.parts]
    assert paths
    return [path.read_bytes().decode("latin-1") for path in paths]


def state(folder: Path) -> Any:
    (end,) = folder.glob("job/runs/*/end.json")
    return json.loads(end.read_text())["state"]


@pytest.mark.parametrize("named_by", ["command line", "script"])
def test_a_failed_run_is_noted_in_a_store_whose_url_is_secret(
    cli: Any, run: Any, named_by: str
) -> None:
    own = "" if named_by == "command line" else f', store="{URL}"'
    script = cli.script(PROGRAM.replace("STORE", own))
    option = ["--store", URL] if named_by == "command line" else []
    shown = run("submit", "--job-id", "job", *option, script, "3", status=3)
    assert "hunter2" not in shown
    assert (
        "with what is secret and left out here:\n  dtset restart job --store xfs://host/x" in shown
    )
    assert state(cli.folder / "remote/host/x") == "failed"
    assert not any("hunter2" in each for each in records(cli.folder / "remote"))
    again = run("restart", "job", "--store", URL, status=3)
    assert "hit True" in again
    assert "hunter2" not in again + run("show", "job", "--store", URL) + run("jobs", "--store", URL)
    refused = run("jobs", "--store", "xfs://user:hunter3@host/x", status=2)
    assert "who are you?" in refused
    assert "hunter3" not in refused


def test_secrets_among_arguments_are_not_recorded(cli: Any, run: Any) -> None:
    script = cli.script(PROGRAM.replace("STORE", ""))
    arguments = ["--token", "hunter2", "--in=https://host/a?sig=hunter2", "3"]
    shown = run("submit", "--job-id", "job", script, *arguments, status=3)
    assert "hunter2" not in shown
    assert f"dtset submit --job-id job {script} --token '***' '--in=https://host/a?…' 3" in shown
    assert not any("hunter2" in each for each in records(cli.store))
    shown = run("show", "job")
    assert "hunter2" not in shown
    assert "--token" in shown
    assert "hold a secret, which is not recorded: submit its program again" in run(
        "restart", "job", status=2
    )
    arguments[-1] = "0"
    assert "hit True" in run("submit", "--job-id", "job", script, *arguments)
