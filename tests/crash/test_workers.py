"""Worker processes of dtset's own that die, singly or all, again and again, or before they are up."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from dtset.errors import DTSetError
from dtset.execution.workers.local_processes import LocalProcesses
from tests.crash.test_kill import SLOW, SUM, computed
from tests.programs import keeper_of, kill_all, wait_for, workers_of


def started_by(program):
    """Processes that a program has started, found by the folder in their environment."""
    found = []
    for each in psutil.process_iter():
        with suppress(psutil.Error):
            if each.environ().get("TMPDIR") == str(program.folder / "tmp"):
                found.append(each)
    return [each for each in found if each.is_running()]


def start(program, *arguments, **environment):
    """Start a program with a temporary folder of its own."""
    (program.folder / "tmp").mkdir(exist_ok=True)
    return program.start(*arguments, TMPDIR=str(program.folder / "tmp"), **environment)


def nothing_is_left(program):
    wait_for(lambda: not started_by(program))
    wait_for(lambda: not list((program.folder / "tmp").iterdir()))


def ended(process):
    """Output of a program that ends by itself; one that does not is killed."""
    try:
        return process.communicate(timeout=120)
    except BaseException:
        kill_all(process)
        raise


@pytest.mark.parametrize("also_keeper", [False, True])
def test_a_job_all_of_whose_workers_were_killed_goes_on_with_new_ones(program, also_keeper):
    program.write(SLOW.replace("CLUSTER", "None"))
    process = start(program, DASK_DTSET__WORKERS="2")
    wait_for(lambda: len(program.parts()) >= 2)
    killed = workers_of(process.pid)
    assert len(killed) == 2
    if also_keeper:
        killed.append(keeper_of(process.pid))
    committed = program.parts()
    for each in killed:
        each.kill()
    out, err = ended(process)
    assert process.returncode == 0, err
    assert f"SUM {SUM}" in out
    assert "was ended by SIGKILL; it is started again" in err
    assert "distributed" not in err
    runs = computed(program)
    assert all(runs.count(str(index)) == 1 for index in committed)
    nothing_is_left(program)


MEMORY = """
import os, sys
from pathlib import Path
from dtset import TSetEnvironment

def held(x, ctx):
    if x == 7 and not os.path.exists(ONCE):
        if ONCE != "never":
            Path(ONCE).touch()
        memory = bytearray(MIB << 20)
        if RETURNS:
            sys.leaked = memory
        else:
            while True:
                memory[0] += memory[-1]
    return x

with TSetEnvironment(resources=[{"cpu": 1, "ram": 600, "instances": 1}]) as env:
    print("SUM", sum(env.range(12, parallelism=12).map(held).persist().collect()))
"""


def holding(program, mib, once, returns=False):
    text = MEMORY.replace("MIB", str(mib)).replace("ONCE", repr(once))
    program.write(text.replace("RETURNS", str(returns)))


def test_a_worker_over_its_memory_limit_is_ended_and_another_goes_on(program, tmp_path):
    holding(program, 700, str(tmp_path / "once"))
    process = start(program)
    out, err = ended(process)
    assert process.returncode == 0, err
    assert "SUM 66" in out
    assert "held more memory than its limit of 570.00 MiB; it is started again" in err
    nothing_is_left(program)


def test_a_partition_that_never_fits_memory_is_an_error_that_says_so(program):
    holding(program, 700, "never")
    process = start(program, DASK_DTSET__SCHEDULING__RESUBMISSIONS="1")
    _, err = ended(process)
    assert process.returncode == 1
    said = err.splitlines()[-1]
    assert "DTSetError: tasks were lost with their workers 2 times" in said
    assert "held more memory than its limit of 570.00 MiB" in said
    assert "`dtset restart job` goes on from there" in said
    assert program.parts()
    nothing_is_left(program)


def test_a_worker_that_memory_has_stopped_is_replaced(program, tmp_path):
    # Between the 80 % at which Dask gives a worker no more tasks and the 95 % at which it is ended.
    holding(program, 430, str(tmp_path / "once"), returns=True)
    process = start(program)
    out, err = ended(process)
    assert process.returncode == 0, err
    assert "SUM 66" in out
    assert "its memory was too full to begin another task; it is started again" in err


def test_workers_that_cannot_start_are_an_error(program):
    program.write(SLOW.replace("CLUSTER", "None"))
    process = start(program, DASK_DISTRIBUTED__WORKER__PRELOAD="there_is_no_such_module")
    _, err = ended(process)
    assert process.returncode == 1
    assert "DTSetError: worker processes ended again and again" in err.splitlines()[-1]
    assert "dtset restart job" in err.splitlines()[-1]
    nothing_is_left(program)


FUNCTION_THAT_STARTS = """
import multiprocessing, os, time
from pathlib import Path
from dtset import TSetEnvironment

def started(x):
    context = multiprocessing.get_context(METHOD)
    with context.Pool(1) as pool:
        (found,) = pool.map(abs, [-x])
        if (Path(__file__).parent / "stay").exists():
            Path(__file__).with_name("up").touch()
            time.sleep(600)
    return found

with TSetEnvironment(resources=[{"cpu": 1, "instances": 1}]) as env:
    print(env.range(1, 2).map(started).collect())
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_functions_may_start_processes_which_end_with_their_worker(program, method):
    program.write(FUNCTION_THAT_STARTS.replace("METHOD", repr(method)))
    process = start(program)
    out, err = ended(process)
    assert out == "[1]\n", err
    (program.folder / "stay").touch()
    process = start(program)
    wait_for((program.folder / "up").exists)
    (worker,) = workers_of(process.pid)
    pool = worker.children(recursive=True)
    assert pool
    worker.kill()
    gone, _ = psutil.wait_procs(pool, timeout=60)
    assert len(gone) == len(pool)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    nothing_is_left(program)


WAITING = """
import sys, time
from pathlib import Path
from dtset import TSetEnvironment

Path(__file__).with_name("begun").touch()
with TSetEnvironment(resources=[{"cpu": 1, "instances": 2}]) as env:
    env.client
    Path(__file__).with_name("up").touch()
    env.range(4).for_each(lambda x: time.sleep(60))
"""


@pytest.mark.parametrize("after", [0.0, 0.5, 1.0, "up"])
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_a_program_ended_at_any_time_leaves_no_process_and_no_folder(program, after, by):
    program.write(WAITING)
    (program.folder / "tmp").mkdir()
    process = program.start_process(TMPDIR=str(program.folder / "tmp"))
    wait_for((program.folder / "begun").exists)
    if after == "up":
        wait_for((program.folder / "up").exists)
    else:
        time.sleep(after)
    if by == signal.SIGKILL:
        process.kill()
    else:
        os.killpg(process.pid, by)
    _, err = ended(process)
    if by == signal.SIGINT:
        assert err.count("\nKeyboardInterrupt") == 1, err
        assert err.endswith("KeyboardInterrupt\n")
        assert "Exception ignored" not in err
        assert " - distributed." not in err
    else:
        assert not err
    nothing_is_left(program)


def test_no_other_user_can_reach_scheduler_or_workers(program):
    program.write(WAITING)
    process = start(program)
    wait_for((program.folder / "up").exists)
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    connections = [each for one in family for each in one.net_connections("all")]
    assert {each.family for each in connections} == {socket.AF_UNIX}
    listening = {each.laddr for each in connections if str(each.laddr).startswith("/")}
    (folder,) = {Path(path).parent for path in listening}
    assert folder.name.startswith(f"dtset-{process.pid}-")
    assert folder.stat().st_mode & 0o777 == 0o700
    kill_all(process)


def test_a_start_is_aborted_from_another_thread_at_any_time():
    for after in (0.0, 0.1, 0.3, 1.0, 2.0):
        processes = LocalProcesses([(2, 1, None)])
        errors = []

        def started(processes=processes, errors=errors):
            try:
                processes.start()
            except DTSetError as error:
                errors.append(error)

        thread = threading.Thread(target=started)
        thread.start()
        time.sleep(after)
        processes.close()
        thread.join(60)
        assert not thread.is_alive()
        wait_for(lambda: keeper_of(os.getpid()) is None)
        with pytest.raises(DTSetError, match="closed"):
            processes.start()
