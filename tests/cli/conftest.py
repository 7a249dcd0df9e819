"""The command line in processes of its own, each test with a store of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest
from click.testing import CliRunner

import dtset.errors
from dtset.cli.main import main
from tests.forks import run_python

ROOT = Path(dtset.errors.__file__).resolve().parents[1]


@dataclass(frozen=True)
class Cli:
    """Runs ``dtset`` in a folder, with a store below it."""

    folder: Path

    @property
    def store(self) -> Path:
        """The store."""
        return self.folder / "store"

    def environment(self, **variables: str) -> dict[str, str]:
        """Environment of the process: nothing of dtset's or Dask's but what is given."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DTSET_", "DASK_"))}
        return {
            **kept,
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "DASK_DTSET__STORE": str(self.store),
            **variables,
        }

    def script(self, source: str, name: str = "script.py") -> Path:
        """Write a script."""
        path = self.folder / name
        path.write_text(textwrap.dedent(source))
        return path

    def command(self, *arguments: object) -> list[str]:
        """What is executed."""
        return [sys.executable, "-m", "dtset.cli.main", *map(str, arguments)]

    def __call__(
        self, *arguments: object, status: int | None = 0, cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of dtset's, and check its exit status; programs that it starts are real processes."""
        return self.python(*self.command(*arguments)[1:], status=status, cwd=cwd, **variables)

    def python(
        self, *arguments: str, status: int | None = 0, cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run Python as a user would, without the command line."""
        done = run_python(list(arguments), cwd or self.folder, self.environment(**variables))
        assert status is None or done.returncode == status, (done.stdout, done.stderr)
        return done

    def run(
        self,
        *command: str,
        status: int | None = 0,
        cwd: Path | None = None,
        stdin: IO[str] | None = None,
        **variables: str,
    ) -> subprocess.CompletedProcess[str]:
        """Start a program as a process of its own, and check its exit status."""
        done = subprocess.run(
            command,
            cwd=cwd or self.folder,
            env=self.environment(**variables),
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert status is None or done.returncode == status, (done.stdout, done.stderr)
        return done

    def json(self, *arguments: object) -> Any:
        """Run a listing command in this process; what it says."""
        command = [*map(str, arguments), "--json", "--store", str(self.store)]
        result = CliRunner().invoke(main, command, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture(scope="session")
def cli_in() -> type[Cli]:
    """Makes one in a folder that several tests share."""
    return Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)
