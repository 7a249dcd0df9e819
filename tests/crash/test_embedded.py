"""The default cluster in real processes: interrupted at any time, and killed by what runs in it."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from tests.programs import kill_all, wait_for

PROGRAM = """
import time
from dtset import TSetEnvironment

def slow(x):
    time.sleep(0.02)
    return x

def pushed(itr, collector, ctx):
    for x in itr:
        collector.collect(x)

env = TSetEnvironment(parallelism=100)
env.range(1000).map(slow).compute(pushed).persist()
"""


def children(process):
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.parametrize("moment", ["at once", "computes here", "starts workers", "has workers"])
def test_ctrl_c_ends_it_and_leaves_nothing(program, tmp_path, moment):
    program.write(PROGRAM)
    (tmp_path / "tmp").mkdir()
    process = program.start_process(TMPDIR=str(tmp_path / "tmp"))
    try:
        reached = {
            "at once": (program.store / "job" / "job.json").exists,
            "computes here": program.parts,
            "starts workers": lambda: children(process),
            "has workers": lambda: len(children(process)) > 2 and len(program.parts()) > 10,
        }[moment]
        wait_for(lambda: reached() or process.poll() is not None)
        started = children(process)
        # As a terminal does: all of the foreground's processes get it.
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    except BaseException:
        kill_all(process)
        raise
    # CPython forgets that it was Ctrl-C where another thread runs a text as code before its end.
    assert process.returncode in (-signal.SIGINT, 1)
    assert err.count("KeyboardInterrupt") == 1
    assert err.rstrip().splitlines()[-1].startswith(("KeyboardInterrupt", "dtset: raised in"))
    assert "distributed" not in err
    assert "Exception ignored" not in err
    psutil.wait_procs(started, timeout=30)
    assert not [child for child in started if child.is_running()]
    assert not list((tmp_path / "tmp").iterdir())
    before = program.parts()
    program.write(PROGRAM + "print(env.persisted(0).hit, env.persisted(0).count())\n")
    assert program.run(TMPDIR=str(tmp_path / "tmp")).split() == ["True", "1000"]
    assert before <= program.parts()


def test_what_crashed_this_process_runs_on_workers_when_the_job_is_restarted(program):
    program.write(
        """
        import os, signal
        from pathlib import Path
        from dtset import TSetEnvironment

        Path("driver").write_text(str(os.getpid()))

        def crash_the_driver(x):
            if x == 2 and os.getpid() == int(Path("driver").read_text()):
                os.kill(os.getpid(), signal.SIGSEGV)
            return x

        with TSetEnvironment(parallelism=4) as env:
            p = env.range(4).map(crash_the_driver).persist()
            print(p.hit, p.collect())
        """
    )
    process = program.start()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGSEGV
    assert program.parts() == {0, 1}
    assert program.run().split(maxsplit=1) == ["2", "[0, 1, 2, 3]\n"]
