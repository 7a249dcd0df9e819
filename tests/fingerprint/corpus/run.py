"""Digests of corpus sources in one fresh process: `run.py main|module PAIRS.json`, JSON on stdout."""

import importlib
import json
import os
import sys
import tempfile
import traceback
import types
from pathlib import Path

from dtset.errors import FingerprintError
from dtset.fingerprint import fingerprint

SEPARATOR = "# file "


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
    files = split(source)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, "entry_module.py" if name == "entry" else name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        before = set(sys.modules)
        sys.argv[1:] = ["--fixed"]
        os.environ["CORPUS"] = "fixed"
        main = sys.modules["__main__"]
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
            return fingerprint(scope["f"])
        except FingerprintError as error:
            return f"error: {error}"
        except Exception:
            return f"crash: {traceback.format_exc()}"
        finally:
            sys.path.remove(folder)
            sys.modules["__main__"] = main
            for name in set(sys.modules) - before:
                if str(getattr(sys.modules[name], "__file__", "")).startswith(folder):
                    del sys.modules[name]


def main():
    mode, path = sys.argv[1:]
    pairs = json.loads(Path(path).read_text())
    found = []
    for number, pair in enumerate(pairs):
        found.append([digest(pair[side], mode, number) for side in ("before", "after")])
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
