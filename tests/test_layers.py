"""Imports go up the list of layers only, and each library stays in the layers that own it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dtset

LAYERS = (
    {"errors", "settings", "urls"},
    {"plan"},
    {"fingerprint"},
    {"storage"},
    {"checkpoint"},
    {"operators", "exchange"},
    {"execution"},
    {"io", "diagnostics"},
    {"session"},
    {"tset"},
    {"sources"},
    {"environment", "functions", "__init__", "testing"},
    {"cli", "twister2"},
)
OWNERS = {
    "zarr": ("storage/", "io/"),
    "fsspec": ("storage/", "io/"),
    "dask": ("execution/", "io/", "settings.py", "fingerprint/dask_tokens.py"),
    "distributed": ("execution/", "io/"),
}
RANKS = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
ROOT = Path(dtset.__file__).parent
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))


def imported(file: str) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: import by the full name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", FILES)
def test_imports_go_up_only(file: str) -> None:
    rank = RANKS[file.removesuffix(".py").split("/")[0]]
    for name in imported(file):
        package, _, rest = name.partition(".")
        if package == "dtset":
            layer = rest.split(".")[0]
            assert RANKS.get(layer, RANKS["__init__"]) <= rank, f"{file} imports {name}"
        assert file.startswith(OWNERS.get(package, "")), f"{file} imports {name}"


def test_importing_dtset_loads_nothing_heavy() -> None:
    heavy = "zarr distributed pandas pyarrow rich click dask.array dask.dataframe dask.bag"
    code = f"import sys, dtset; print(*(m for m in '{heavy}'.split() if m in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""
