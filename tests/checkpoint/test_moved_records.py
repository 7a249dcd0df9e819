"""A record that was moved or copied counts nowhere but where it was written."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from dtset import CorruptCheckpointError, TSetEnvironment
from dtset.checkpoint.runs import read_events, read_runs
from dtset.storage.opening import open_store
from dtset.storage.records import unseal


def run(store, job, factor, parallelism=None):
    with TSetEnvironment(
        store=store, job_id=job, parallelism=parallelism, cluster="synchronous"
    ) as env:
        numbers = env.range(4).map(lambda i: i * factor).persist("numbers")
        total = env.init_variable("total", 0)
        env.update_variable("total", total + factor)
        env.commit()
        return numbers.hit, numbers.collect(), total, numbers.partitions


@pytest.fixture
def jobs(store):
    """Two jobs that differ in all that they store, each of two runs."""
    for job, factor, parallelism in (("a", 1, 2), ("b", 100, 3)):
        for _ in range(2):
            run(store, job, factor, parallelism)
    return Path(store)


def kind(path: Path) -> str:
    return re.sub(r"[0-9a-f]{16,}|(?<=commits/)\d{8}|(?<=events-)\d+", "#", str(path))


def records(store: Path, job: str) -> list[Path]:
    paths = (path for path in (store / job).rglob("*") if path.is_file())
    return sorted(path for path in paths if unseal(path.read_bytes()) is not None)


def test_every_record_says_its_path(jobs):
    found = [path for job in "ab" for path in records(jobs, job)]
    assert (
        len({kind(path.relative_to(jobs / path.relative_to(jobs).parts[0])) for path in found}) > 8
    )
    for path in found:
        assert json.loads(path.read_bytes())["path"] == path.relative_to(jobs).as_posix()


def test_no_record_of_another_job_is_taken(jobs):
    # The last of each kind, which is the one that counts.
    others = {kind(path.relative_to(jobs / "b")): path for path in records(jobs, "b")}
    own = {kind(path.relative_to(jobs / "a")): path for path in records(jobs, "a")}
    errors = []
    saved = jobs.parent / "saved"
    for name in own.keys() & others.keys():
        path = own[name]
        shutil.copytree(jobs / "a", saved)
        shutil.copyfile(others[name], path)
        try:
            hit, numbers, total, partitions = run(jobs, "a", 1)
        except CorruptCheckpointError as error:
            errors.append((str(path), str(error)))
        else:
            assert (numbers, total, partitions) == ([0, 1, 2, 3], 2, 2), path
            assert hit is True
        for record in read_runs(open_store(str(jobs)), "a", 60.0):
            assert record.job.job_id == "a"
        shutil.rmtree(jobs / "a")
        saved.rename(jobs / "a")
    assert len(errors) >= 2
    assert all(path in said and "moved" in said for path, said in errors)


def test_a_job_under_another_name_is_not_that_job(jobs):
    shutil.copytree(jobs / "b", jobs / "c")
    with pytest.raises(CorruptCheckpointError, match="moved"):
        run(jobs, "c", 100, 3)


def test_notes_of_another_run_tell_nothing(jobs):
    objects = open_store(str(jobs))
    one, other = sorted((jobs / "a" / "runs").iterdir())
    before = read_events(objects, "a", one.name)
    foreign = min((jobs / "b" / "runs").iterdir())
    for name in ("events.json", "run.json", "end.json"):
        shutil.copyfile(foreign / name, one / name)
    # Each event is there a second time.
    assert read_events(objects, "a", one.name) == before
    assert [each.run_id for each in read_runs(objects, "a", 60.0)] == [other.name]
