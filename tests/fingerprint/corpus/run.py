"""Digests of corpus sources, each in a fork of its own: `run.py MODE,… PAIRS.json`, JSON on stdout.

Modes are main, module and plan. All forks of a process have its hash seed.
"""

import gc
import importlib
import json
import os
import sys
import tempfile
import traceback
import types
from pathlib import Path

import dtset.settings  # noqa: F401
from dtset.errors import FingerprintError
from dtset.fingerprint import fingerprint
from dtset.fingerprint.node import plan_tree
from dtset.operators.call import FUNCTION
from dtset.operators.elementwise import MAP
from dtset.operators.sources import RANGE, RangeSource
from dtset.plan.nodes import Apply, Source
from dtset.plan.user_function import Form, UserFunction, label_of

SEPARATOR = "# file "
# Imported once by those that need one of them, not by each child.
SLOW = (
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "scipy.stats",
    "sklearn.ensemble",
    "sklearn.pipeline",
)


def split(source):
    files, name = {"entry": []}, "entry"
    for line in source.splitlines(keepends=True):
        if line.startswith(SEPARATOR):
            name = line.removeprefix(SEPARATOR).strip()
            files[name] = []
        else:
            files[name].append(line)
    return {name: "".join(lines) for name, lines in files.items()}


def digest(source, mode, number):
    """Digest of a source in a process of its own: some change modules that others use."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        with os.fdopen(writer, "w") as out:
            out.write(digest_here(source, mode, number))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as found:
        text = found.read()
    os.waitpid(child, 0)
    return text


def digest_here(source, mode, number):
    files = split(source)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, "entry_module.py" if name == "entry" else name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        sys.argv[1:] = ["--fixed"]
        os.environ["CORPUS"] = "fixed"
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        try:
            if mode == "module":
                scope = vars(importlib.import_module("entry_module"))
            else:
                module = types.ModuleType("__main__")
                sys.modules["__main__"] = module
                scope = vars(module)
                exec(compile(files["entry"], f"<cell {number}>", "exec"), scope)
            return fingerprint(scope["f"]) if mode != "plan" else digest_in_plan(scope["f"])
        except FingerprintError as error:
            return f"error: {error}"
        except Exception:
            return f"crash: {traceback.format_exc()}"


def digest_in_plan(f):
    """Digest of the last operator of a flow, whose function it is."""
    source = Source(operator=RANGE, data=RangeSource(0, 4, 1), parallelism=2)
    functions = {FUNCTION: UserFunction(f, Form.ELEMENT, False, label_of(f))}
    node = Apply(operator=MAP, functions=functions, inputs=(source,))
    return plan_tree(node, {}, config={}).digest


def main():
    modes, path = sys.argv[1].split(","), sys.argv[2]
    pairs = json.loads(Path(path).read_text())
    found = {mode: {} for mode in modes}
    # First those that need nothing large: a fork costs what its parent holds.
    for number, pair in sorted(enumerate(pairs), key=lambda each: is_slow(each[1])):
        if is_slow(pair):
            for name in SLOW:
                importlib.import_module(name)
        gc.freeze()
        for mode in modes:
            found[mode][number] = [digest(pair[side], mode, number) for side in ("before", "after")]
    json.dump([[found[mode][n] for n in range(len(pairs))] for mode in modes], sys.stdout)


def is_slow(pair):
    """Whether a pair needs what is slow to import."""
    return any(name.partition(".")[0] in pair["before"] + pair["after"] for name in SLOW)


if __name__ == "__main__":
    main()
