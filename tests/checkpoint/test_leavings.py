"""What dead runs leave is removed by the next one, and what living ones use is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from dtset import TSetEnvironment
from dtset.execution.workers.left_folders import folder_prefix, remove_left_folders

KILLED = """
import os, signal, sys, tempfile
from dtset import TSetEnvironment
from dtset.execution.workers.left_folders import folder_prefix

env = TSetEnvironment(store=sys.argv[1], job_id="job", cluster="synchronous", parallelism=2)
print(tempfile.mkdtemp(prefix=folder_prefix()))
assert env.parallelize([bytes(1000)] * 2000).count() == 2000
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(store):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, store], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return Path(done.stdout.strip())


def sources(store):
    return list(Path(store).glob("job/runs/*/sources/*"))


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Keep the folders apart from those that other runs on this machine remove."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_the_next_run_removes_what_a_killed_one_left(store, tmp_path):
    folder = killed(store)
    (folder / "scheduler.json").write_text("{}")
    assert folder.parent == tmp_path
    assert len(sources(store)) == 1
    with TSetEnvironment(store=store, job_id="job", cluster="synchronous", parallelism=2) as env:
        assert sources(store) == []
        assert not folder.exists()
        env.parallelize([bytes(1000)] * 2000).count()
        mine = tempfile.mkdtemp(prefix=folder_prefix())
        with TSetEnvironment(store=store, job_id="job", cluster="synchronous"):
            assert len(sources(store)) == 1
            assert os.path.isdir(mine)
    assert sources(store) == []


def test_sources_of_runs_that_were_noted_as_interrupted_go_too(store):
    from dtset.checkpoint.runs import end_run
    from dtset.storage.opening import open_store

    killed(store).rmdir()
    (run,) = (Path(store) / "job/runs").iterdir()
    end_run(open_store(store), "job", run.name, "interrupted")
    TSetEnvironment(store=store, job_id="job", cluster="synchronous").close()
    assert sources(store) == []


def test_only_folders_of_dead_processes_of_this_machine_are_removed(tmp_path):
    own = folder_prefix()
    _, pid, started, where, _ = own.split("-")
    kept = (
        f"{own}alive",
        f"dtset-{pid}-1-00000000-elsewhere",
        f"dtset-{pid}-{started}",
        "dtset-x",
        "dtset-notes-1-2-3",
    )
    dead = f"dtset-{pid}-1-{where}-dead"
    for name in (*kept, dead):
        (tmp_path / name / "below").mkdir(parents=True)
    (tmp_path / f"{dead}-file").write_text("a file is no folder of ours")
    (tmp_path / f"{dead}-link").symlink_to(tmp_path / "dtset-x")
    remove_left_folders()
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == sorted((*kept, f"{dead}-file", f"{dead}-link"))
    assert (tmp_path / "dtset-x" / "below").is_dir()
