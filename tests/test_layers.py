"""Imports go up the list of layers only, and each library stays in the layers that own it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
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
    {"environment", "__init__", "testing"},
    {"cli", "twister2"},
)
OWNERS = {
    "zarr": ("storage/", "io/"),
    "fsspec": ("storage/", "io/"),
    "dask": ("execution/", "io/", "settings.py"),
    "distributed": ("execution/", "io/"),
}
MOST_LINES, MOST_FILES = 450, 20
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
    heavy = "zarr distributed pandas pyarrow rich click dask numpy yaml cloudpickle"
    code = f"import sys, dtset; print(*(m for m in '{heavy}'.split() if m in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


def test_what_is_public_is_imported_when_it_is_asked_for() -> None:
    assert set(dtset.__all__) <= {*dir(dtset)}
    for name in dtset.__all__:
        assert getattr(dtset, name).__name__ == name
    with pytest.raises(AttributeError, match="'dtset' has no attribute 'TSets'"):
        _ = dtset.TSets


def graph_of_files() -> dict[str, set[str]]:
    """Which of dtset's files each of them imports, wherever in it and whatever for."""
    known = {file.removesuffix(".py").removesuffix("/__init__"): file for file in FILES}
    found: dict[str, set[str]] = {}
    for file in FILES:
        found[file] = set()
        for name in imported(file):
            parts = name.split(".")[1:] if name.startswith("dtset.") else []
            for length in (len(parts), len(parts) - 1):
                target = known.get("/".join(parts[:length])) if length > 0 else None
                if target is not None:
                    found[file].add(target)
                    break
    return found


def test_no_files_import_each_other_in_a_circle() -> None:
    sorter = TopologicalSorter(graph_of_files())
    try:
        sorter.prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_no_file_is_longer_than_can_be_read() -> None:
    long = {
        file: length
        for file in FILES
        if (length := len((ROOT / file).read_text(encoding="utf-8").splitlines())) > MOST_LINES
    }
    assert not long


def test_no_folder_has_more_files_than_can_be_listed_in_a_breath() -> None:
    # fingerprint/ is folded by concept later.
    counts = Counter(str(Path(file).parent) for file in FILES)
    assert {folder for folder, n in counts.items() if n > MOST_FILES} <= {"fingerprint"}
