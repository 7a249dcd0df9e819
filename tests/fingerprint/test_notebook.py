import os
from pathlib import Path

import pytest

from dtset.fingerprint import fingerprint

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

MODULE = """
import json
import math

THRESHOLD = 5

def helper(x):
    return math.floor(x) + THRESHOLD

def read(path):
    with open(path) as file:
        return json.loads(file.read().strip()) or exit(1)

class Rec:
    def score(self):
        return 1

def f(x):
    return helper(x) + Rec().score() + read(x)
"""

CELLS = [
    "import json\nimport math",
    "class Rec:\n    'A record.'\n    def score(self):\n        # one\n        return 1",
    "def f(x: int) -> int:\n    return helper(x) + Rec().score() + read(x)",
    "THRESHOLD = 5\ndef helper(y): return y",
    "def helper(x):\n    return math.floor(x) + THRESHOLD",
    "def read(path):\n    with open(path) as file:\n        return json.loads(file.read().strip()) or exit(1)",
    "from dtset.fingerprint import fingerprint\nprint(fingerprint(f))",
]


def test_a_function_of_notebook_cells_has_the_digest_of_the_same_function_in_a_module(
    tmp_path, monkeypatch
):
    root = str(Path(__file__).parents[2])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    scope = {"__name__": "users_module"}
    exec(compile(MODULE, "users_module.py", "exec"), scope)
    printed = [each["text"] for each in notebook.cells[-1].outputs if each.get("name") == "stdout"]
    assert "".join(printed).strip() == fingerprint(scope["f"])
