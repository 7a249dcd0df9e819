import importlib
import json
import sys
import types

import pandas as pd
import pytest
from scipy.optimize._highspy._core import HighsOptions

from dtset.fingerprint import fingerprint
from dtset.fingerprint.origin import (
    Distribution,
    distribution_of,
    is_compiled,
    is_user_module,
    is_users_class,
)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An empty site-packages on the import path."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    return folder


def install(site, name, url=None, installer="pip"):
    (site / f"{name}.py").write_text("X = 1\n")
    metadata = site / f"{name}_dist-1.5.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}-dist\nVersion: 1.5\n\nVersion: 9\n"
    )
    (metadata / "RECORD").write_text(f"{name}.py,,\n")
    (metadata / "INSTALLER").write_text(installer)
    if url is not None:
        (metadata / "direct_url.json").write_text(json.dumps({"url": url, "dir_info": {}}))


def test_an_installed_distribution_is_not_the_users(site):
    install(site, "origin_a")
    assert not is_user_module("origin_a")
    assert distribution_of("origin_a") == Distribution("origin_a-dist", "1.5")
    assert "origin_a" not in sys.modules


def test_a_distribution_installed_from_a_path_is_the_users(site):
    install(site, "origin_b", "file:///somewhere/b")
    assert is_user_module("origin_b")
    assert distribution_of("origin_b") is None


def test_conda_packages_are_ordinary_although_built_from_a_path(site):
    install(site, "origin_c", "file:///home/conda/feedstock", "conda")
    assert not is_user_module("origin_c")


def test_a_distribution_installed_from_an_address_is_ordinary(site):
    install(site, "origin_d", "https://example.org/d.whl")
    assert not is_user_module("origin_d")


def test_a_loose_file_in_site_packages_is_the_users(site):
    (site / "origin_e.py").write_text("X = 1\n")
    assert is_user_module("origin_e")


def test_a_module_beside_the_script_is_the_users_whatever_its_name(tmp_path, monkeypatch):
    (tmp_path / "this_is_mine.py").write_text("X = 1\n")
    (tmp_path / "colorsys.py").write_text("X = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    importlib.invalidate_caches()
    assert is_user_module("this_is_mine")
    assert is_user_module("colorsys")


def test_the_standard_library_and_dtset_are_not_the_users():
    for name in (
        "json",
        "json.decoder",
        "sys",
        "os",
        "importlib._bootstrap",
        "dtset.errors",
        "dtset",
    ):
        assert not is_user_module(name)
    assert distribution_of("sys") == distribution_of("json")
    assert distribution_of("dtset.errors") is None


def test_module_of_a_namespace_package_whose_parent_is_not_imported_is_the_users(
    tmp_path, monkeypatch
):
    folder = tmp_path / "spacious" / "inner"
    folder.mkdir(parents=True)
    (folder / "leaf.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert is_user_module("spacious.inner.leaf")


def test_types_that_compiled_modules_share_are_not_the_users():
    shared = [name for name in sys.modules if name.startswith("_cython_")]
    assert shared
    assert not any(map(is_user_module, shared))
    compiled = type(pd._libs.tslibs.timestamps._unpickle_timestamp)
    assert compiled.__module__ in shared
    assert not is_users_class(compiled)


def test_a_class_of_a_module_that_is_nowhere_is_a_librarys_if_it_is_compiled():
    base = HighsOptions.__mro__[1]
    assert (base.__module__, base.__module__ in sys.modules) == ("pybind11_builtins", False)
    assert not is_users_class(base)
    assert not is_users_class(type(HighsOptions))
    names = {"__name__": "dtset_nowhere"}
    exec("class Mine: pass", names)
    assert is_users_class(names["Mine"])


def test_a_class_derived_from_a_compiled_one_has_a_fingerprint():
    class Mine(HighsOptions):
        limit = 3

    class Other(HighsOptions):
        limit = 4

    assert fingerprint(Mine) != fingerprint(Other)


def test_a_module_made_at_run_time_is_the_users(monkeypatch):
    module = types.ModuleType("dtset_made")
    module.LIMIT = 3
    module.Rec = type("Rec", (), {"__module__": "dtset_made"})
    monkeypatch.setitem(sys.modules, "dtset_made", module)
    assert is_user_module("dtset_made")
    assert is_users_class(module.Rec)


def test_whose_a_module_is_and_what_a_class_is_written_in():
    names = ("__main__", "json", "numpy.linalg")
    assert list(map(is_user_module, names)) == [True, False, False]
    assert (is_compiled(dict), is_compiled(Distribution)) == (True, False)
