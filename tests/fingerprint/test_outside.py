"""What a function reads by itself is outside of its fingerprint, and noted once."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
import random
import runpy
import shutil
import sys
import time

import pytest

from dtset.errors import FingerprintError
from dtset.fingerprint import fingerprint
from dtset.fingerprint.program import ProgramFiles


@pytest.fixture
def notes(caplog):
    caplog.set_level(logging.WARNING, "dtset.fingerprint")
    return lambda: [record.getMessage() for record in caplog.records]


def test_a_direct_open_clock_or_generator_is_noted_once_with_the_ways_in(notes):
    def reads(path):
        with open(path) as file:
            return file.read(), time.time(), random.random()

    for _ in range(3):
        fingerprint(reads)
    said = notes()
    assert len(said) == 3
    assert {each.split(" uses ")[1].split(":")[0] for each in said} == {
        "open",
        "time.time",
        "random.random",
    }
    assert all("depends_on=" in each and "ctx.random" in each for each in said)


def test_a_variable_of_the_environment_by_a_constant_name_is_covered(notes, monkeypatch):
    def reads(x):
        return (
            os.environ["DTSET_TEST_MODE"],
            os.environ.get("DTSET_TEST_MODE", x),
            os.getenv("DTSET_TEST_MODE"),
        )

    digests = []
    for mode in ("a", "b", "a"):
        monkeypatch.setenv("DTSET_TEST_MODE", mode)
        digests.append(fingerprint(reads))
    assert digests[0] == digests[2] != digests[1]
    assert notes() == []


def test_a_variable_of_the_environment_by_a_made_name_is_noted(notes):
    def reads(name):
        return os.environ[name.upper()]

    fingerprint(reads)
    assert ["os.environ" in each for each in notes()] == [True]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("os.environb[b'A']", "os.environb"),
        ("os.getenvb(b'A')", "os.getenvb"),
        ("os.environ.copy()['A']", "os.environ"),
        ("dict(os.environ)['A']", "os.environ"),
        ("{**os.environ}['A']", "os.environ"),
        ("os.path.expandvars('$A')", "os.path.expandvars"),
        ("os.path.expanduser('~')", "os.path.expanduser"),
        ("expandvars('$A')", "os.path.expandvars"),
        (
            "importlib.util.spec_from_file_location('m', x)",
            "importlib.util.spec_from_file_location",
        ),
        ("spec_from_file_location('m', x)", "importlib.util.spec_from_file_location"),
        (
            "importlib.machinery.SourceFileLoader('m', x).load_module()",
            "importlib.machinery.SourceFileLoader",
        ),
        ("SourceFileLoader('m', x).load_module()", "importlib.machinery.SourceFileLoader"),
        ("importlib.metadata.entry_points(group='g')", "importlib.metadata.entry_points"),
        ("entry_points(group='g')", "importlib.metadata.entry_points"),
        ("importlib.resources.files(x)", "importlib.resources.files"),
        ("pkgutil.get_data(x, 'a')", "pkgutil.get_data"),
        ("importlib.reload(x)", "importlib.reload"),
    ],
)
def test_other_ways_to_read_code_and_the_environment_are_noted(notes, body, said):
    names = {}
    exec(
        "import importlib.machinery, importlib.metadata, importlib.resources, importlib.util, os, pkgutil\n"
        "from importlib.machinery import SourceFileLoader\n"
        "from importlib.metadata import entry_points\n"
        "from importlib.util import spec_from_file_location\n"
        "from os.path import expandvars\n"
        f"def f(x): return {body}\n",
        names,
    )
    fingerprint(names["f"])
    assert [each.split(" uses ")[1].split(": ")[0] for each in notes()] == [said]


def test_an_import_inside_a_function_is_noted_as_one_outside_is(notes):
    def reads():
        from importlib.metadata import entry_points
        from importlib.util import spec_from_file_location

        return entry_points(), spec_from_file_location

    fingerprint(reads)
    assert len(notes()) == 2


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["dtset_plugin", "statistics", "numpy.plugin"])
def test_code_that_no_import_made_counts_whatever_it_is_called(tmp_path, name):
    path = tmp_path / "plugin.py"
    digests = []
    for limit in ("1", "2", "1"):
        path.write_text(
            f"LIMIT = {limit}\ndef f(x): return x + LIMIT\nclass C:\n    def g(self): return LIMIT\n"
        )
        importlib.invalidate_caches()
        shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
        plugin = load(name, path)

        def uses(x, held=plugin.f, plugin=plugin):
            return plugin.f(x)

        digests.append([fingerprint(each) for each in (plugin.f, plugin.C, plugin, uses)])
    assert digests[0] == digests[2]
    assert all(one != other for one, other in zip(*digests[:2], strict=True))


def test_code_run_from_a_path_counts(tmp_path):
    path = tmp_path / "conf.py"
    digests = []
    for limit in (1, 2):
        path.write_text(f"LIMIT = {limit}\ndef f(x): return x + LIMIT\n")
        digests.append(fingerprint(runpy.run_path(str(path))["f"]))
    assert digests[0] != digests[1]


@pytest.mark.parametrize("way", ["runpy.run_path(x)", "runpy.run_module(x)", "bootstrap(x)"])
def test_code_run_by_a_name_or_path_made_at_run_time_is_refused(way):
    names = {}
    exec(
        f"import runpy\nfrom importlib import __import__ as bootstrap\ndef f(x): return {way}\n",
        names,
    )
    with pytest.raises(FingerprintError, match="only known when it runs"):
        fingerprint(names["f"])


def test_a_loader_is_refused_and_an_entry_point_goes_by_what_it_loads(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("plugin", tmp_path / "plugin.py")
    with pytest.raises(FingerprintError, match=r"attribute loader → .*load the module at the top"):
        fingerprint(spec)
    installed = importlib.metadata.EntryPoint("a", "numpy:sum", "g")
    assert fingerprint(installed) != fingerprint(
        importlib.metadata.EntryPoint("a", "numpy:max", "g")
    )
    (tmp_path / "dtset_own_plugin.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(FingerprintError, match="code of your own"):
        fingerprint(importlib.metadata.EntryPoint("a", "dtset_own_plugin:f", "g"))


def test_the_program_counts_files_that_its_modules_loaded_by_themselves(tmp_path, monkeypatch):
    path = tmp_path / "plugin.py"
    path.write_text("def f(): return 1\n")
    monkeypatch.setattr(sys.modules[__name__], "PLUGIN", load("statistics", path), raising=False)
    before = ProgramFiles().tree()
    (found,) = (part for part in before.children if part.name.startswith("module PLUGIN of "))
    path.write_text("def f(): return 2\n")
    (changed,) = (part for part in ProgramFiles().tree().children if part.name == found.name)
    assert changed.digest != found.digest
