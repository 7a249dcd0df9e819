"""What a record in the store can make a program do: nothing but be read."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path

import dask
import pytest

from dtset import CodeMismatchError, TSetEnvironment, UntrustedCheckpointError
from dtset.storage.records import seal, unseal
from tests.programs import Program


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A module that tells when it is imported, and is never imported by the program."""
    sprung = tmp_path / "sprung"
    (tmp_path / "dtset_trap.py").write_text(
        f"open({str(sprung)!r}, 'w').close()\nclass Rec:\n    def __eq__(self, other): return True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield sprung
    sys.modules.pop("dtset_trap", None)


@contextmanager
def open_env(store, allow=True):
    with (
        dask.config.set({"dtset.pickle.allow": allow}),
        TSetEnvironment(store=store, job_id="job", cluster="synchronous", parallelism=2) as env,
    ):
        yield env


def alter(store, pattern, change):
    """Change records, as somebody would who can write to the store: with their checksums made anew."""
    (*paths,) = Path(store).glob(f"job/tsets/*/*/{pattern}")
    assert paths
    for path in paths:
        record = unseal(path.read_bytes())
        change(record)
        path.write_bytes(seal(record))


@pytest.mark.parametrize("allow", [True, False])
def test_a_manifest_that_names_a_class_does_not_import_it(store, trap, allow, capsys):
    def name_trap(manifest):
        manifest["parts"][0]["classes"] = {"dtset_trap:Rec": "0" * 64}

    with open_env(store, allow) as env:
        env.range(4).persist("numbers")
    alter(store, "manifest.json", name_trap)
    with open_env(store, allow) as env:
        numbers = env.range(4).lazy_persist("numbers")
        numbers.explain()
        assert "class dtset_trap.Rec is not in this program" in capsys.readouterr().out
        assert numbers.collect() == [0, 1, 2, 3]
        # The other partition names no class.
        assert numbers.hit == 1
        assert env.persisted("numbers").map(lambda x: x + 1).collect() == [1, 2, 3, 4]
    assert not trap.exists()
    assert "dtset_trap" not in sys.modules


@pytest.mark.parametrize("allow", [True, False])
def test_a_partitions_record_that_names_a_class_does_not_import_it(store, trap, allow):
    def name_trap(part):
        part["classes"] = {"dtset_trap:Rec": "0" * 64}

    with open_env(store, allow) as env:
        env.range(4).persist("numbers")
    alter(store, "0/parts/*.json", name_trap)
    (manifest,) = Path(store).glob("job/tsets/*/*/manifest.json")
    manifest.unlink()
    with open_env(store, allow) as env:
        assert env.range(4).persist("numbers").collect() == [0, 1, 2, 3]
    assert not trap.exists()


@pytest.mark.parametrize("read", ["collect", "map"])
def test_elements_of_a_class_that_nothing_imports_are_refused_and_not_imported(store, trap, read):
    with open_env(store) as env:
        __import__("dtset_trap")
        env.parallelize([sys.modules["dtset_trap"].Rec()]).persist("records")
    del sys.modules["dtset_trap"]
    trap.unlink()
    with open_env(store) as env:
        records = env.persisted("records")
        with pytest.raises((UntrustedCheckpointError, CodeMismatchError), match=r"dtset_trap\.Rec"):
            records.collect() if read == "collect" else records.map(lambda x: x).collect()
    assert not trap.exists()


LAZY = """
from dtset import TSetEnvironment

def made(i):
    from records import Rec
    return Rec(i)

with TSetEnvironment(cluster="synchronous", parallelism=2) as env:
    state = env.init_variable("state", None)
    if state is None:
        import settings_of
        state = settings_of.Settings(5)
    env.update_variable("state", state)
    env.commit()
    records = env.range(2).map(made).persist("records")
    print(records.hit, [record.x for record in records.collect()], state.x)
"""


def test_a_restart_finds_classes_of_modules_that_are_imported_late(tmp_path):
    program = Program(tmp_path)
    program.write(LAZY)
    for name in ("records", "settings_of"):
        kind = "Rec" if name == "records" else "Settings"
        program.write(f"class {kind}:\n    def __init__(self, x): self.x = x\n", f"{name}.py")
    assert program.run() == "False [0, 1] 5\n"
    assert program.run() == "True [0, 1] 5\n"
