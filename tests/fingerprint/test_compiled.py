"""Functions compiled by numba count by their Python source; those by Cython, of which none is left, are refused."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from dtset import FingerprintError
from dtset.fingerprint import fingerprint

NUMBA = """
import numba
import sys
from dtset.fingerprint import fingerprint

def made(kind, by):
    def plus(x):
        return x + by
    return kind(plus)

kinds = [numba.njit, numba.njit(fastmath=True), numba.vectorize, numba.vectorize(["float64(float64)"])]
for kind in kinds:
    one = made(kind, 1)
    before = fingerprint(one)
    assert one(1.0) == 2.0
    assert fingerprint(one) == before == fingerprint(made(kind, 1)) != fingerprint(made(kind, 2))
print(*(fingerprint(made(kind, 1)) for kind in kinds))
"""


def test_numbas_functions_count_by_their_python_source_in_every_process(tmp_path):
    pytest.importorskip("numba")
    script = tmp_path / "compiled.py"
    script.write_text(NUMBA)
    printed = []
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, str(script)]
        printed.append(subprocess.run(command, env=env, check=True, capture_output=True).stdout)
    assert printed[0] == printed[1]
    assert len(set(printed[0].split())) == 4


def test_functions_of_the_users_that_cython_compiled_are_refused(tmp_path, monkeypatch):
    pytest.importorskip("Cython")
    if shutil.which("cc") is None:
        pytest.skip("no C compiler is here")
    (tmp_path / "fast.pyx").write_text("def twice(x):\n    return 2 * x\n")
    subprocess.run([sys.executable, "-m", "cython", "-3", "fast.pyx"], cwd=tmp_path, check=True)
    include = sysconfig.get_paths()["include"]
    command = ["cc", "-shared", "-fPIC", "-I", include, "fast.c", "-o", "fast.so"]
    subprocess.run(command, cwd=tmp_path, check=True)
    monkeypatch.syspath_prepend(tmp_path)
    fast = importlib.import_module("fast")
    scope = {"fast": fast, "__name__": "__main__"}
    exec("def f(x): return fast.twice(x)", scope)
    with pytest.raises(FingerprintError, match=r"global fast\.twice → .* compiled by Cython"):
        fingerprint(scope["f"])
