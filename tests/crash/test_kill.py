"""Jobs that are killed, and started again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.programs import kill_all, wait_for, workers_of

SLOW = """
import sys, time, uuid
from pathlib import Path
from dtset import SourceFunc, TSetEnvironment

computed = Path(__file__).parent / "computed"
computed.mkdir(exist_ok=True)

class Slow(SourceFunc):
    def prepare(self, ctx):
        self.i = 0
        self.index = ctx.index
        (computed / f"{ctx.index}-{uuid.uuid4().hex}").touch()
    def has_next(self):
        return self.i < 10
    def next(self):
        time.sleep(0.02)
        self.i += 1
        return 1000 * self.index + self.i

env = TSetEnvironment(cluster=CLUSTER)
persisted = env.create_source(Slow(), 12).map(lambda x: x + 1).persist()
print("HIT", persisted.hit)
print("SUM", persisted.reduce(lambda a, b: a + b).first())
"""
WORKERS = "None, resources=[{'cpu': 1, 'instances': 2}]"
SUM = sum(1000 * index + i + 1 for index in range(12) for i in range(1, 11))


def computed(program):
    return [path.name.split("-")[0] for path in (program.folder / "computed").iterdir()]


@pytest.mark.parametrize("cluster", ["'synchronous'", "'threads'", "None"])
def test_killed_job_computes_only_partitions_without_a_record(program, cluster):
    program.write(SLOW.replace("CLUSTER", cluster))
    process = program.start()
    wait_for(lambda: len(program.parts()) >= 4)
    kill_all(process)
    committed = program.parts()
    assert 4 <= len(committed) < 12
    before = computed(program)
    out = program.run()
    again = sorted(int(each) for each in _without(computed(program), before))
    assert again == sorted(set(range(12)) - committed)
    assert f"HIT {len(committed)}" in out
    assert f"SUM {SUM}" in out
    assert "HIT True" in program.run()


def _without(after, before):
    left = list(after)
    for each in before:
        left.remove(each)
    return left


def test_processes_of_a_killed_driver_end(program):
    program.write(SLOW.replace("CLUSTER", WORKERS))
    process = program.start()
    wait_for(lambda: len(program.parts()) >= 1)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 3
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive


def test_killed_worker_is_made_good_within_the_run(program):
    program.write(SLOW.replace("CLUSTER", WORKERS))
    process = program.start()
    wait_for(lambda: len(program.parts()) >= 2)
    workers = workers_of(process.pid)
    assert workers
    workers[0].kill()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert f"SUM {SUM}" in out
    assert "HIT False" in out


FAILING = """
from pathlib import Path
import uuid
from dtset import TSetEnvironment

folder = Path(__file__).parent
computed = folder / "computed"
computed.mkdir(exist_ok=True)

def source(ctx):
    (computed / f"{ctx.index}-{uuid.uuid4().hex}").touch()
    yield from range(5)

def checked(x, ctx):
    if BROKEN and ctx.index == 7:
        raise ValueError("bad record in partition 7")
    return x * 10

env = TSetEnvironment(cluster="threads")
first = env.create_source(source, 12).persist("raw")
print("RAW", first.hit)
second = first.map(checked).persist("checked")
print("CHECKED", second.hit, second.reduce(lambda a, b: a + b).first())
"""


def test_after_an_exception_the_fixed_job_does_not_compute_again_what_was_committed(program):
    program.write(FAILING.replace("BROKEN", "True"))
    out = program.run(fails=True)
    assert "RAW False" in out
    assert "ValueError: bad record in partition 7" in out
    assert "map checked, partition 7" in out
    assert sorted(map(int, computed(program))) == list(range(12))
    program.write(FAILING.replace("BROKEN", "False"))
    out = program.run()
    assert "RAW True" in out
    assert f"CHECKED False {12 * 100}" in out
    assert len(computed(program)) == 12


RAISING_SOURCE = """
from pathlib import Path
import uuid
from dtset import TSetEnvironment

folder = Path(__file__).parent
computed = folder / "computed"
computed.mkdir(exist_ok=True)

def source(ctx):
    (computed / f"{ctx.index}-{uuid.uuid4().hex}").touch()
    if ctx.index == 7 and (folder / "broken").exists():
        raise ConnectionError("no answer for partition 7")
    yield from range(5)

env = TSetEnvironment(cluster="synchronous")
raw = env.create_source(source, 12).persist("raw")
print("RAW", raw.hit)
print("SUM", raw.map(lambda x: FACTOR * x).reduce(lambda a, b: a + b).first())
"""


def test_a_partition_that_raised_is_computed_again_and_others_are_not(program):
    (program.folder / "broken").touch()
    program.write(RAISING_SOURCE.replace("FACTOR", "1"))
    assert "no answer for partition 7" in program.run(fails=True)
    committed = program.parts()
    before = computed(program)
    assert 7 not in committed
    (program.folder / "broken").unlink()
    program.write(RAISING_SOURCE.replace("FACTOR", "2"))
    out = program.run()
    assert f"RAW {len(committed) or False}" in out
    assert "SUM 240" in out
    again = sorted(map(int, _without(computed(program), before)))
    assert again == sorted(set(range(12)) - committed)


def test_a_fork_that_exits_leaves_the_run_alone(program):
    program.write(
        """
        import os, sys
        from dtset import TSetEnvironment
        env = TSetEnvironment(cluster="threads")
        env.range(3).count()
        pid = os.fork()
        if pid == 0:
            sys.exit(0)
        os.waitpid(pid, 0)
        from pathlib import Path
        print("ENDED", bool(list(Path(__file__).parent.glob("store/job/runs/*/end.json"))))
        """
    )
    assert program.run() == "ENDED False\n"


def test_ctrl_c_in_a_terminal_ends_a_job_at_once_and_it_restarts(program):
    program.write(SLOW.replace("CLUSTER", "None"))
    process = program.start_process()
    wait_for(lambda: len(program.parts()) >= 2)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=25)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in err
    wait_for(lambda: not _working(program))
    committed = program.parts()
    before = computed(program)
    assert f"SUM {SUM}" in program.run()
    again = {int(each) for each in _without(computed(program), before)}
    assert not again & committed


def _working(program):
    store = str(program.folder)
    return any(
        store in " ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])
    )


def test_a_run_leaves_nothing_in_shared_memory_or_temporary_folders(program, tmp_path):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    program.write("""
        from dtset import TSetEnvironment

        with TSetEnvironment(resources=[{"cpu": 1, "instances": 2}]) as env:
            print(env.range(8).map(lambda x: x + 1).count())
    """)
    semaphores = Path("/dev/shm")
    before = set(semaphores.glob("sem.mp-*"))
    program.run(TMPDIR=str(temporary))
    left = set(semaphores.glob("sem.mp-*")) - before
    wait_for(lambda: not any(each.exists() for each in left), seconds=20)
    assert not [each for each in temporary.rglob("*") if each.is_file()]
