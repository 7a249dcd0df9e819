"""Runs: their states, their heartbeats, and who may run at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from dtset import JobRunningError, TSetEnvironment
from dtset.checkpoint.job import Job, Program
from dtset.checkpoint.layout import run_path
from dtset.checkpoint.placed import placed
from dtset.checkpoint.runs import begin_run, end_run, read_events, read_runs
from dtset.storage.opening import open_store
from dtset.storage.records import seal, unseal

PROGRAM = Program((), os.getcwd())
JOB = Job("job", "job", 1, 0.0, {})


def states(objects, timeout=60.0):
    return [run.state for run in read_runs(objects, "job", timeout)]


def test_a_run_is_running_until_it_ends(store):
    objects = open_store(store)
    begin_run(objects, JOB, "one", PROGRAM)
    assert states(objects) == ["running"]
    end_run(objects, "job", "one", "completed")
    assert states(objects) == ["completed"]
    assert read_runs(objects, "job", 60.0, ended=False) == []


def test_a_run_whose_process_is_gone_was_interrupted(store):
    source = (
        "import sys, os; from dtset.checkpoint.runs import begin_run; from dtset.checkpoint.job import Job, Program;"
        "from dtset.storage.opening import open_store;"
        "begin_run(open_store(sys.argv[1]), Job('job', 'job', 1, 0.0, {}), 'gone', Program((), '/'))"
    )
    subprocess.run([sys.executable, "-c", source, store], check=True)
    assert states(open_store(store)) == ["interrupted"]


def test_a_run_elsewhere_is_judged_by_its_heartbeat(store):
    objects = open_store(store)
    begin_run(objects, JOB, "far", PROGRAM)
    record = unseal(objects.get(run_path("job", "far")))
    objects.put(run_path("job", "far"), seal({**record, "processes": "far-away"}))
    assert states(objects) == ["running"]
    path = run_path("job", "far", "beat")
    beat = placed(path, {"at": time.time() - 100})
    objects.put(path, beat)
    assert states(objects) == ["interrupted"]
    assert states(objects, timeout=1000.0) == ["running"]
    objects.put(path, beat.replace(b'"at":1', b'"at":9'))
    assert states(objects, timeout=-1000.0) == ["interrupted"]


def test_the_record_of_another_run_tells_nothing(store):
    objects = open_store(store)
    begin_run(objects, JOB, "one", PROGRAM)
    objects.put(run_path("job", "two"), objects.get(run_path("job", "one")))
    assert [run.run_id for run in read_runs(objects, "job", 60.0)] == ["one"]


def test_environments_end_in_the_state_that_they_were_left_in(store):
    objects = open_store(store)
    with TSetEnvironment(store=store, job_id="job", cluster="synchronous") as env:
        env.range(2).persist("numbers")
        (run,) = read_runs(objects, "job", 60.0)
        assert run.state == "running"
    assert states(objects) == ["completed"]
    begun, event = read_events(objects, "job", run.run_id)
    assert (begun["event"], begun["name"], begun["found"]) == ("miss", "numbers", 0)
    assert (event["event"], event["name"], event["hit"]) == ("persist", "numbers", False)
    env = TSetEnvironment(store=store, job_id="job", cluster="synchronous")
    with pytest.raises(ZeroDivisionError), env:
        raise ZeroDivisionError
    assert states(objects) == ["completed", "failed"]


def test_only_one_exclusive_run_at_a_time(store, caplog):
    with TSetEnvironment(store=store, job_id="job", cluster="synchronous"):
        with pytest.raises(JobRunningError, match=str(os.getpid())):
            TSetEnvironment(store=store, job_id="job", cluster="synchronous", exclusive=True)
        TSetEnvironment(store=store, job_id="job", cluster="synchronous").close()
        assert "another run of job job is alive" in caplog.text
    TSetEnvironment(store=store, job_id="job", cluster="synchronous", exclusive=True).close()


def test_heartbeats_are_written(store):
    import dask.config

    objects = open_store(store)
    with dask.config.set({"dtset.heartbeat.interval": "20ms"}):
        env = TSetEnvironment(store=store, job_id="job", cluster="synchronous")
    (run,) = read_runs(objects, "job", 60.0)
    deadline = time.monotonic() + 30
    while not (found := objects.list(run_path("job", run.run_id, "beat"))):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert unseal(objects.get(found[0].path))["at"] <= time.time()
    env.close()
