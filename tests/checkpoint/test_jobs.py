"""Records of jobs: torn, gone or foreign ones are written again as runs recorded them."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

import dtset.session.session
from dtset import CorruptCheckpointError, StoreError, TSetEnvironment
from dtset.checkpoint.job import find_job
from dtset.checkpoint.placed import find_whole
from dtset.checkpoint.runs import read_runs
from dtset.storage.opening import open_store
from dtset.storage.records import seal
from dtset.testing import FaultyStore


def run(store, job="job", parallelism=None):
    with TSetEnvironment(
        store=store, job_id=job, parallelism=parallelism, cluster="synchronous"
    ) as env:
        persisted = env.range(7).map(lambda i: i + 1).persist("numbers")
        return persisted.hit, persisted.partitions, persisted.collect()


DAMAGES = {
    "torn": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "empty": lambda path: path.write_bytes(b""),
    "gone": lambda path: path.unlink(),
    "another job's": lambda path: shutil.copyfile(path.parents[1] / "other/job.json", path),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_is_written_again_as_runs_recorded_it(store, damage, caplog):
    run(store, "other", 5)
    run(store, parallelism=3)
    # What a run was told for itself is not what the job was started with.
    run(store, parallelism=4)
    record = Path(store) / "job/job.json"
    whole = record.read_bytes()
    DAMAGES[damage](record)
    assert find_job(open_store(store), "job").parallelism == 3
    with caplog.at_level(logging.WARNING):
        assert run(store) == (True, 3, [1, 2, 3, 4, 5, 6, 7])
    assert record.read_bytes() == whole
    assert "written again as an earlier run tells of it: parallelism 3" in caplog.text
    assert len(read_runs(open_store(store), "other", 60.0)) == 1
    caplog.clear()
    assert run(store)[0] is True
    assert caplog.text == ""


def test_a_record_that_no_run_tells_of_is_written_as_the_present_run_knows_it(store, caplog):
    (Path(store) / "job").mkdir()
    (Path(store) / "job/job.json").write_bytes(b'{"sha256":"')
    assert run(store, parallelism=3) == (False, 3, [1, 2, 3, 4, 5, 6, 7])
    assert "as this run tells of it" in caplog.text
    assert run(store) == (True, 3, [1, 2, 3, 4, 5, 6, 7])


def test_a_record_of_another_format_is_left_alone(store):
    (Path(store) / "job").mkdir()
    record = Path(store) / "job/job.json"
    record.write_bytes(seal({"format": 99}))
    with pytest.raises(CorruptCheckpointError, match="format"):
        run(store)
    assert record.read_bytes() == seal({"format": 99})


def opened(monkeypatch, objects):
    monkeypatch.setattr(dtset.session.session, "open_store", lambda *_, **__: objects)


@pytest.mark.parametrize("how", ["before", "torn", "after"])
@pytest.mark.parametrize("torn", [False, True], ids=["new", "torn record"])
def test_a_run_that_dies_at_any_call_leaves_a_job_that_can_be_started(
    any_store, monkeypatch, how, torn
):
    """From its first call to the last of its persist: the next run goes on with the same partitions."""
    # Each call where calls take no time; else some, others for each way to die.
    first = 1 + ["before", "torn", "after"].index(how)
    step = {"memory": 1, "s3": 25}.get(any_store.url.partition(":")[0], 3)
    check_deaths(any_store, monkeypatch, how, torn, range(first if step > 1 else 1, 1000, step))


@pytest.mark.nightly
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("how", ["before", "torn", "after"])
@pytest.mark.parametrize("torn", [False, True], ids=["new", "torn record"])
def test_a_run_may_die_at_each_call(any_store, monkeypatch, how, torn):
    check_deaths(any_store, monkeypatch, how, torn, range(1, 1000))


def check_deaths(any_store, monkeypatch, how, torn, numbers):
    """Start jobs anew that died at calls of these numbers, until one has fewer calls."""
    for number in numbers:
        job = f"job-{number}"
        if torn:
            opened(monkeypatch, any_store)
            with TSetEnvironment(
                store="patched", job_id=job, parallelism=2, cluster="synchronous"
            ) as env:
                env.range(2).persist("before")
            any_store.put(f"{job}/job.json", any_store.get(f"{job}/job.json")[:80])
        faulty = FaultyStore(any_store, number, how=how)
        opened(monkeypatch, faulty)
        try:
            run("patched", job, None if torn else 2)
        except StoreError:
            failed = True
        else:
            failed = False
        opened(monkeypatch, any_store)
        known = find_job(any_store, job)
        if known is None or known.parallelism != 2:
            # A job that nothing is there of begins anew.
            assert not torn
            assert any_store.list(f"{job}/tsets") == any_store.list(f"{job}/runs") == []
        hit, partitions, elements = run("patched", job, None if known else 2)
        assert (partitions, elements) == (2, [1, 2, 3, 4, 5, 6, 7])
        assert hit is True or failed
        assert run("patched", job)[:2] == (True, 2)
        assert find_whole(any_store, f"{job}/job.json")["path"] == f"{job}/job.json"
        if not failed:
            break
    assert number > 10


@pytest.mark.parametrize("what", ["job", "job/job.json", ""])
def test_a_store_that_is_deleted_under_a_run_gets_no_data_that_nobody_finds(store, what):
    with TSetEnvironment(store=store, job_id="job", parallelism=2, cluster="synchronous") as env:
        env.range(3).persist("before")
        gone = Path(store) / what
        shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
        with pytest.raises(StoreError, match="gone"):
            env.range(4).persist("after")
        env.init_variable("epoch", 0)
        with pytest.raises(StoreError, match="gone"):
            env.commit()
        if what == "":
            Path(store).mkdir()
    assert not list(Path(store).glob("job/tsets/*/*/manifest.json"))[1:]
    assert not list(Path(store).glob("job/variables/*"))
    assert run(store)[2] == [1, 2, 3, 4, 5, 6, 7]
    assert (Path(store) / "job/job.json").is_file()
