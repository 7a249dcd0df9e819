"""Driver state that survives restarts."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from dtset import CorruptCheckpointError, StoreError, TSetEnvironment
from dtset.checkpoint.job import Job, open_job
from dtset.checkpoint.runs import list_runs
from dtset.checkpoint.state import State
from dtset.testing import FaultyStore
from tests.programs import Program


def environment(store, **arguments):
    return TSetEnvironment(store=store, cluster="synchronous", job_id="state", **arguments)


def test_only_what_was_committed_survives(store):
    with environment(store) as env:
        assert env.init_variable("epoch", 0) == 0
        assert env.init_variable("weights", [0.5]) == [0.5]
        env.update_variable("epoch", 1)
        env.commit()
        env.update_variable("epoch", 2)
    with environment(store) as env:
        assert env.init_variable("epoch", 0) == 1
        env.update_variable("epoch", 5)
        env.commit()
    with environment(store) as env:
        assert env.init_variable("epoch", 0) == 5
        assert env.init_variable("weights", None) == [0.5]


def test_without_checkpointing_nothing_is_kept(store):
    for _ in range(2):
        with environment(store, checkpointing=False) as env:
            assert env.init_variable("epoch", 0) == 0
            env.update_variable("epoch", 1)
            env.commit()


PROGRAM = """
import sys
from dtset import TSetEnvironment

def step(x):
    return x + 1  # one

keep = {"keep": True, "reset": False}.get(sys.argv[1] if len(sys.argv) > 1 else None)
with TSetEnvironment(cluster="synchronous", keep_variables=keep) as env:
    epoch = env.init_variable("epoch", 0)
    env.update_variable("epoch", step(epoch))
    env.commit()
    print("EPOCH", epoch)
"""


def test_variables_of_a_changed_program_are_the_users_decision(tmp_path):
    program = Program(tmp_path)
    program.write(PROGRAM)
    assert program.run() == "EPOCH 0\n"
    assert program.run() == "EPOCH 1\n"
    program.write(PROGRAM.replace("# one", "# another comment"))
    assert program.run() == "EPOCH 2\n"
    program.write(PROGRAM.replace("x + 1", "x + 10"))
    said = program.run(fails=True)
    assert "StaleVariablesError" in said
    assert "code program.step: code changed" in said
    assert program.run("keep") == "EPOCH 3\n"
    program.write(PROGRAM.replace("x + 1", "x + 20"))
    assert program.run("reset") == "EPOCH 0\n"
    assert program.run() == "EPOCH 20\n"


@pytest.mark.parametrize("value", [None, {"a": (1, 2)}, 10**30, "text", [b"x"]])
def test_values_come_back_as_they_were(store, value):
    with environment(store) as env:
        env.init_variable("v", 0)
        env.update_variable("v", value)
        env.commit()
    with environment(store) as env:
        found = env.init_variable("v", 0)
        assert found == value
        assert type(found) is type(value)


STALE = """
import sys
from dtset import TSetEnvironment

with TSetEnvironment(cluster="synchronous") as env:
    for name in NAMES:
        print(name, env.init_variable(name, 0))
        env.update_variable(name, 111)
        env.commit()
"""


def test_a_commit_of_other_variables_does_not_vouch_for_those_of_another_program(tmp_path):
    program = Program(tmp_path)
    program.write(STALE.replace("NAMES", "['x']"))
    assert program.run() == "x 0\n"
    program.write(STALE.replace("NAMES", "['y', 'x']"))
    assert "StaleVariablesError" in program.run(fails=True)


def test_commits_of_two_runs_follow_each_other(store):
    with environment(store) as one, environment(store) as other:
        for env in (one, other):
            env.init_variable("epoch", 0)
        for epoch in (1, 2, 3):
            one.update_variable("epoch", epoch)
            one.commit()
        other.update_variable("epoch", 99)
        other.commit()
    with environment(store) as env:
        assert env.init_variable("epoch", 0) == 99


LATE = """
from dtset import TSetEnvironment

with TSetEnvironment(cluster="synchronous") as env:
    epoch = env.init_variable("epoch", 0)
    import late
    env.update_variable("epoch", late.step(epoch))
    env.commit()
    print("EPOCH", epoch)
"""


def test_a_module_that_is_imported_after_the_variable_is_asked_for_counts(tmp_path):
    program = Program(tmp_path)
    program.write(LATE)
    program.write("def step(x): return x + 1\n", "late.py")
    assert program.run() == "EPOCH 0\n"
    assert program.run() == "EPOCH 1\n"
    program.write("def step(x): return x + 1000\n", "late.py")
    said = program.run(fails=True)
    assert "StaleVariablesError" in said
    assert "code late.step: code changed" in said


EDITED = """
import sys
from pathlib import Path
from dtset import TSetEnvironment

def step(x):
    return x + 1

with TSetEnvironment(cluster="synchronous") as env:
    epoch = env.init_variable("epoch", 0)
    env.update_variable("epoch", step(epoch))
    if "edit" in sys.argv:
        file = Path(__file__)
        file.write_text(file.read_text().replace("x + 1\\n", "x + 1000\\n"))
    env.commit()
    print("EPOCH", epoch)
"""


def test_a_script_that_is_edited_while_it_runs_vouches_for_what_it_was(tmp_path):
    program = Program(tmp_path)
    program.write(EDITED)
    assert program.run("edit") == "EPOCH 0\n"
    assert "StaleVariablesError" in program.run(fails=True)


def test_a_module_that_is_half_saved_is_another_program(tmp_path):
    program = Program(tmp_path)
    program.write(LATE)
    program.write("def step(x): return x + 1\n", "late.py")
    program.write(
        LATE.replace("import late", "import late\n    open('late.py', 'w').write('def (')")
    )
    assert program.run() == "EPOCH 0\n"


CELLS = [
    "import threading\nfrom dtset import TSetEnvironment\n"
    "env = TSetEnvironment(job_id='cells', cluster='synchronous', store=STORE)\nlock = threading.Lock()",
    "def train(epoch):\n    with lock:\n        env.update_variable('epoch', epoch + 1)\n    env.commit()",
    "class Model:\n    def rate(self):\n        return 1",
    "epoch = env.init_variable('epoch', 0)\ntrain(epoch)\nprint('EPOCH', epoch)\nenv.close()",
]


def notebook(cells):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(made, timeout=60, kernel_name="python3").execute()
    outputs = made.cells[-1].outputs
    return "".join(each["text"] for each in outputs if each.get("name") == "stdout")


def test_cells_that_reach_the_environment_and_edited_classes_count_in_a_notebook(
    store, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    cells = [cell.replace("STORE", repr(store)) for cell in CELLS]
    assert notebook(cells) == "EPOCH 0\n"
    assert notebook(cells) == "EPOCH 1\n"
    cells[2] = cells[2].replace("return 1", "return 2")
    with pytest.raises(Exception, match="StaleVariablesError"):
        notebook(cells)


def epochs(store, count=1, job_id="state", **arguments):
    """Run a job that counts epochs; what it found is returned."""
    for _ in range(count):
        with TSetEnvironment(store=store, cluster="synchronous", job_id=job_id, **arguments) as env:
            found = env.init_variable("epoch", 0)
            env.update_variable("epoch", found + 1)
            env.commit()
    return found


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


DAMAGES = {
    "flipped": flipped,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-20]),
    "empty": lambda path: path.write_bytes(b""),
    "deleted": lambda path: path.unlink(),
    "all deleted": lambda path: shutil.rmtree(path.parent),
    "an older one": lambda path: path.write_bytes(min(path.parent.iterdir()).read_bytes()),
    "another job's": lambda path: path.write_bytes(
        max((path.parents[2] / "other/variables").iterdir()).read_bytes()
    ),
    "a newer one of another job": lambda path: shutil.copy(
        max((path.parents[2] / "other/variables").iterdir()), path.parent
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_commit_that_was_there_is_never_passed_over(store, damage):
    epochs(store, 3)
    epochs(store, 5, job_id="other")
    DAMAGES[damage](max(Path(store).glob("state/variables/*")))
    for _ in range(2):
        with pytest.raises(
            CorruptCheckpointError, match=r"commit \d of the driver state of job state"
        ):
            epochs(store)
    assert epochs(store, keep_variables=False) == 0
    assert epochs(store) == 1


def test_a_torn_commit_that_nobody_noted_counts_as_absent(store):
    epochs(store, 3)
    newest = max(Path(store).glob("state/variables/*"))
    newest.write_bytes(newest.read_bytes()[:-20])
    (note,) = Path(store).glob(f"state/runs/*/commits/{newest.stem}")
    note.unlink()
    assert epochs(store) == 2
    # Its number is not given away again.
    assert len(list(Path(store).glob("state/variables/*"))) == 4
    assert epochs(store) == 3


def test_a_commit_that_a_run_went_on_from_is_noted_by_it(store):
    epochs(store, 2)
    newest = max(Path(store).glob("state/variables/*"))
    for note in Path(store).glob("state/runs/*/commits/*"):
        note.unlink()
    with environment(store) as env:
        assert env.init_variable("epoch", 0) == 2
    newest.unlink()
    with pytest.raises(CorruptCheckpointError):
        epochs(store)


def test_a_commit_of_another_run_that_is_lost_meanwhile_is_missed(store):
    with environment(store) as env:
        assert env.init_variable("epoch", 0) == 0
        epochs(store)
        for record in Path(store).glob("state/variables/*"):
            record.unlink()
        with pytest.raises(CorruptCheckpointError):
            env.commit()


def test_threads_that_commit_at_once_lose_nothing(store):
    with environment(store) as env:
        for name in "abcdefgh":
            env.init_variable(name, 0)

        def commit(name):
            env.update_variable(name, 1)
            env.commit()

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(commit, "abcdefgh"))
    assert len(list(Path(store).glob("state/variables/*"))) == 8
    with environment(store) as env:
        assert [env.init_variable(name, 0) for name in "abcdefgh"] == [1] * 8


@pytest.mark.parametrize("how", ["before", "torn", "after"])
def test_a_commit_that_fails_anywhere_was_made_in_full_or_not_at_all(any_store, how):
    """Whatever it was, later runs agree on it, and what was committed before is still there."""
    for number in count(1):
        job = f"fails-{number}"

        def state(run, objects, job=job):
            runs = list_runs(objects, job)
            return State(
                objects, job, run, runs=runs, keep=None, allow_pickle=True, enabled=True, ignore=()
            )

        open_job(any_store, Job(job, job, 1, 0.0, {}))
        first = state("1a", any_store)
        first.init("epoch", 0)
        first.init("other", "kept")
        first.commit()
        faulty = FaultyStore(any_store, number, how=how)
        second = state("2b", faulty)
        second.init("epoch", 0)
        second.update("epoch", 1)
        try:
            second.commit()
        except StoreError:
            failed = True
        else:
            failed = False
            assert len(faulty.calls) == number - 1
        found = state("3c", any_store).init("epoch", 0)
        assert found in ((0, 1) if failed else (1,))
        made = (how == "after" or number > 1) if failed else True
        assert found == int(made)
        third = state("4d", any_store)
        assert (third.init("epoch", 0), third.init("other", "")) == (found, "kept")
        third.update("epoch", 7)
        third.commit()
        assert state("5e", any_store).init("epoch", 0) == 7
        if not failed:
            break
    assert number > 2
