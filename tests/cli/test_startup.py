from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dtset

CODE = """
import sys, types

# The package without its own __init__, which imports all that users need.
package = types.ModuleType("dtset")
package.__path__ = [sys.argv[1]]
sys.modules["dtset"] = package
from click.testing import CliRunner
from dtset.cli.main import main

assert CliRunner().invoke(main, ["--help"]).exit_code == 0
for command in main.commands:
    assert CliRunner().invoke(main, [command, "--help"]).exit_code == 0
heavy = {"dask", "distributed", "numpy", "rich", "zarr", "fsspec", "numcodecs", "yaml"}
print(sorted(heavy & sys.modules.keys()))
"""


def test_no_command_imports_what_only_another_needs() -> None:
    folder = str(Path(dtset.__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", CODE, folder], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
