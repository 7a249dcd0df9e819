"""A trip of code from one Python process to another, for the tests of shipping."""

from __future__ import annotations

import os
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

import dtset.errors
from tests.forks import run_python

ROOT = Path(dtset.errors.__file__).resolve().parents[1]

_SEND = """
import pickle as _pickle, sys as _sys
from dtset.execution.shipping import ship as _ship
with open(_sys.argv[1], "wb") as _file:
    _pickle.dump(_ship(SEND, globals().get("CLASSES", ())), _file)
"""

_RECEIVE = """
import pickle, sys
from dtset.errors import *
from dtset.execution.shipping import receive
def program(path):
    with open(path, "rb") as file:
        return receive(pickle.load(file))
p = program(sys.argv[1])
o = p.objects
def raises(kind, text, call, *args):
    try:
        call(*args)
    except kind as error:
        assert text in str(error), error
    else:
        raise AssertionError("nothing was raised")
"""


@dataclass(frozen=True)
class Trip:
    """Folders of a driver and of a worker, which share nothing but the shipment."""

    folder: Path

    def send(self, script: str, name: str = "shipment", **modules: str) -> Path:
        """Run a script that defines SEND, beside modules (`pkg__init` is pkg/__init__.py); ship it."""
        home = self.folder / "driver"
        self.write(home, **modules)
        (home / "script.py").write_text(textwrap.dedent(script) + _SEND)
        shipment = self.folder / name
        _run(home, [str(home / "script.py"), str(shipment)])
        return shipment

    def receive(self, check: str, shipment: Path, before: str = "", **stale: str) -> str:
        """Run a check in a process of its own, in another folder; return what it printed."""
        home = self.folder / "worker"
        self.write(home, **stale)
        source = textwrap.dedent(before) + _RECEIVE + textwrap.dedent(check)
        (home / "check.py").write_text(source)
        # Not run as a script, whose folder would be importable before the check says so.
        command = "exec(compile(open('check.py').read(), 'check.py', 'exec'))"
        return _run(home, ["-P", "-c", command, str(shipment)])

    @staticmethod
    def write(home: Path, **modules: str) -> None:
        """Write modules into a folder."""
        home.mkdir(exist_ok=True, parents=True)
        for name, source in modules.items():
            *folders, stem = name.split("__")
            path = home.joinpath(*folders, f"{'__init__' if stem == 'init' else stem}.py")
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(textwrap.dedent(source))


@pytest.fixture
def trip(tmp_path: Path) -> Trip:
    return Trip(tmp_path)


def _run(home: Path, arguments: list[str]) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = run_python(arguments, home, environment)
    assert done.returncode == 0, done.stderr
    return done.stdout
