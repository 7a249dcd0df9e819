from __future__ import annotations

import subprocess
import sys

CODE = """
import sys

from click.testing import CliRunner
from dtset.cli.main import main

assert CliRunner().invoke(main, ["--help"]).exit_code == 0
for command in main.commands:
    assert CliRunner().invoke(main, [command, "--help"]).exit_code == 0
heavy = {"dask", "distributed", "numpy", "rich", "zarr", "fsspec", "numcodecs", "yaml"}
print(sorted(heavy & sys.modules.keys()))
"""


def test_no_command_imports_what_only_another_needs() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_commands_are_also_dasks():
    done = subprocess.run(
        [sys.executable, "-m", "dask", "dtset", "--help"], capture_output=True, text=True
    )
    assert "submit" in done.stdout, done.stderr
