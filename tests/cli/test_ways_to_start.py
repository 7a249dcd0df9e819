"""Programs started in all the ways there are: what they persisted is found, and they are started again as they were."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import zipapp
from typing import Any

import pytest

from dtset.checkpoint.job import Program
from dtset.checkpoint.runs import read_runs
from dtset.storage.opening import open_store

PROGRAM = '''
"""A program with everything that is looked up by the name of its module."""

import json, os, sys
from enum import Enum
from steps import half
from dtset import TSetEnvironment

UNSET = object()

class Colour(Enum):
    RED = 1

class Record:
    """An element."""

    def __init__(self, x: int) -> None:
        self.x = x

    def score(self) -> float:
        """Documented, annotated, and with a call of another module."""
        return half(self.x)

def make(x: int) -> Record:
    return Record(x)

def told(record, other=UNSET):
    return record.score(), Colour.RED if other is UNSET else None

def main():
    count = int(os.environ.get("WORKERS", 0))
    where = {"resources": [{"cpu": 1, "instances": count}]} if count else {"cluster": "synchronous"}
    with TSetEnvironment(job_id=os.environ.get("JOB", "job"), parallelism=2, **where) as env:
        records = env.range(4).map(make).persist("records")
        scores = records.map(told).persist("scores")
        last = env.init_variable("last", None)
        env.update_variable("last", Record(7))
        env.commit()
        kinds = {type(each) for each in records.collect()} | {type(last)}
        again = {Record} if last is not None else {Record, type(None)}
        said = [records.hit, scores.hit, kinds == again, scores.collect() == [(i / 2, Colour.RED) for i in range(4)]]
        print("SAID", json.dumps([said, sys.argv[1:], os.getcwd(), bool(sys.flags.optimize)]))

if __name__ == "__main__":
    main()
'''
ARGUMENTS = ["a b", "--it's", '"quoted"', "$HOME", ""]
RUN_PATH = "import runpy; runpy.run_path('program.py', run_name='__main__')"
RUN_MODULE = "import runpy; runpy.run_module('pk.program', run_name='__main__')"
WAYS = {
    "script": ["./program.py"],
    "module": ["-m", "pk.program"],
    "package": ["-m", "pk"],
    "folder": ["pk"],
    "archive": ["./app.pyz"],
    "options": ["-X", "dev", "-W", "ignore", "-Om", "pk.program"],
    "profiled": ["-m", "cProfile", "-o", "profile", "program.py"],
    "profiled module": ["-m", "cProfile", "-o", "profile", "-m", "pk.program"],
    "debugged": ["-m", "pdb", "-c", "continue", "-c", "quit", "program.py"],
    "code": ["-c", PROGRAM],
    "run path": ["-c", RUN_PATH],
    "run module": ["-c", RUN_MODULE],
    "ipython": ["-m", "IPython", "--no-banner", "--", "program.py"],
    "ipython module": ["-m", "IPython", "-m", "pk.program", "--"],
}
# Others have all that is of their own in one of the tests below, or in a way beside them.
BY_NIGHT = ("package", "profiled", "run module", "ipython module")


def _said(done: subprocess.CompletedProcess[str]) -> Any:
    """What the program said."""
    said = [each for each in done.stdout.splitlines() if each.startswith("SAID ")]
    assert len(said) == 1, (done.stdout, done.stderr)
    return json.loads(said[0].removeprefix("SAID "))


def _last(cli: Any, job_id: str = "job") -> Program:
    """How the last run of a job was started."""
    return read_runs(open_store(str(cli.store)), job_id, 60)[-1].program


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory, cli_in: Any) -> Any:
    """A folder with the program in many forms, and its job with all computed."""
    cli = cli_in(tmp_path_factory.mktemp("ways"))
    (cli.folder / "pk").mkdir()
    (cli.folder / "elsewhere").mkdir()
    for name in ("steps.py", "pk/steps.py"):
        cli.script("def half(x): return x / 2", name)
    for name in ("program.py", "pk/program.py", "pk/__main__.py"):
        cli.script(f"#!{sys.executable}\n{PROGRAM}", name).chmod(0o755)
    (cli.folder / "link.py").symlink_to("program.py")
    zipapp.create_archive(cli.folder / "pk", cli.folder / "app.pyz")
    assert _said(cli.run(sys.executable, "program.py", *ARGUMENTS))[0] == [False, False, True, True]
    return cli


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(way, id=name, marks=[pytest.mark.nightly] if name in BY_NIGHT else [])
        for name, way in WAYS.items()
    ],
)
def test_what_was_persisted_is_found_and_a_restart_starts_it_the_same_way(
    cli: Any, way: list[str]
) -> None:
    if "IPython" in way:
        pytest.importorskip("IPython")
    said = _said(cli.run(sys.executable, *way, *ARGUMENTS))
    assert said == [[True] * 4, ARGUMENTS, str(cli.folder), "-Om" in way]
    assert list(_last(cli).command) == [*way, *ARGUMENTS]
    assert _said(cli("restart", "job", cwd=cli.folder / "elsewhere")) == said
    assert list(_last(cli).command) == [*way, *ARGUMENTS]


def test_a_link_to_a_script_that_is_executed_is_started_as_a_script(cli: Any) -> None:
    said = _said(cli.run("./link.py", *ARGUMENTS))
    assert said[0] == [True] * 4
    assert _said(cli("restart", "job", cwd=cli.folder / "elsewhere")) == said


def test_a_program_from_standard_input_is_not_kept(cli: Any) -> None:
    with (cli.folder / "program.py").open() as source:
        said = _said(cli.run(sys.executable, "-", *ARGUMENTS, stdin=source))
    assert said[0] == [True] * 4
    done = cli("restart", "job", status=2)
    assert "last run from standard input, which is not kept" in done.stderr
    assert "--job-id job" in done.stderr


def test_a_script_that_a_session_ran_is_started_without_the_session(cli: Any) -> None:
    pytest.importorskip("IPython")
    said = _said(cli.run(sys.executable, "-m", "IPython", "-c", "%run program.py x y"))
    assert said == [[True] * 4, ["x", "y"], str(cli.folder), False]
    assert list(_last(cli).command) == [str(cli.folder / "program.py"), "x", "y"]
    assert _said(cli("restart", "job", cwd=cli.folder / "elsewhere")) == said


@pytest.mark.parametrize("tool", [(), ("-m", "cProfile", "-o", "profile")])
def test_a_program_may_leave_the_folder_it_was_started_in(cli: Any, tool: tuple[str, ...]) -> None:
    cli.script(
        """
        import os
        from dtset import TSetEnvironment
        class Record: ...
        os.chdir("elsewhere")
        with TSetEnvironment(job_id="left", cluster="synchronous") as env:
            env.init_variable("committed", Record())
            env.commit()
            print("SAID", int(env.range(3).map(lambda i: Record()).persist().hit))
        """,
        "left.py",
    )
    cli.run(sys.executable, *tool, "left.py")
    assert _said(cli("restart", "left", cwd=cli.folder.parent)) == 1
    assert _last(cli, "left").folder == str(cli.folder)
    shown = cli.json("show", "left")
    assert shown["command"] == [*tool, "left.py"]
    assert shown["script"] == str(cli.folder / "left.py")


def test_state_of_a_changed_archive_is_stale(cli: Any) -> None:
    source = """
        from dtset import TSetEnvironment
        with TSetEnvironment(job_id="archived", cluster="synchronous") as env:
            env.init_variable("committed", 1)
            env.commit()
        """
    (cli.folder / "zipped").mkdir()
    for more, status in (("", 0), ("", 0), ("changed = 1", 1)):
        cli.script(f"{source}\n        {more}", "zipped/__main__.py")
        zipapp.create_archive(cli.folder / "zipped", cli.folder / "zipped.pyz")
        done = cli.run(sys.executable, "zipped.pyz", status=status)
        assert ("StaleVariablesError" in done.stderr) is (status != 0)


def test_elements_of_a_profiled_programs_classes_go_through_worker_processes(cli: Any) -> None:
    variables = {"WORKERS": "1", "JOB": "workers"}
    profiled = ["-m", "cProfile", "-o", "profile", "-m", "pk.program"]
    assert _said(cli.run(sys.executable, *profiled, **variables))[0] == [False, False, True, True]
    assert _said(cli.run(sys.executable, "-m", "pk.program", **variables))[0] == [True] * 4


def test_the_saved_copy_of_a_profiled_script_is_run_and_a_module_has_none(cli: Any) -> None:
    source = """
        from dtset import TSetEnvironment
        TSetEnvironment(job_id="kept", cluster="synchronous").close()
        print("SAID", 1)
        """
    script = cli.script(source, "kept.py")
    cli.run(sys.executable, "-m", "cProfile", "-o", "profile", "kept.py")
    cli.script(source.replace("1)", "2)"), "kept.py")
    assert _said(cli("restart", "kept", "--as-submitted")) == 1
    assert _said(cli("restart", "kept")) == 2
    cli.run(sys.executable, "-m", "kept")
    done = cli("restart", "kept", "--as-submitted", status=2)
    assert "not of modules and packages" in done.stderr
    script.unlink()
    assert "No module named kept" in cli("restart", "kept", status=1).stderr


def test_a_package_is_submitted_with_options_of_its_own(cli: Any) -> None:
    own = ["--name", "x", "-m", *ARGUMENTS]
    done = cli("submit", "--job-id", "sent", "-m", "pk", *own, JOB="sent")
    assert _said(done) == [[False, False, True, True], own, str(cli.folder), False]
    assert re.search(r"^Job name +: pk$", done.stdout, re.M)
    done = cli("restart", "sent", cwd=cli.folder / "elsewhere", JOB="sent")
    assert _said(done) == [[True] * 4, own, str(cli.folder), False]
    assert shlex.join(["python", "-m", "pk", *own]) in cli("show", "sent").stdout


def test_the_restart_line_of_a_package_names_its_store(cli: Any) -> None:
    cli.script(
        """
        from dtset import TSetEnvironment
        with TSetEnvironment(cluster="synchronous") as env:
            raise ValueError
        """,
        "failing.py",
    )
    store = cli.folder / "it's a store"
    command = ["submit", "--job-id", "failing", "--store", store, "-m", "failing", "a b"]
    done = cli(*command, status=1)
    line = done.stderr.splitlines()[-1].split("dtset ", 1)[1]
    assert shlex.split(line) == ["restart", "failing", "--store", str(store)]
    assert cli(*shlex.split(line), status=1).stderr.splitlines()[-1].endswith(line)


def test_what_a_spawned_child_makes_while_it_imports_the_script_is_no_run_of_the_job(
    cli: Any,
) -> None:
    cli.script(
        """
        import multiprocessing, sys
        from dtset import TSetEnvironment

        env = TSetEnvironment(cluster="synchronous", exclusive=True)
        hit = env.range(4).map(str).persist("numbers").hit

        def square(x):
            return x * x, hit

        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                nine, hit_there = pool.apply(square, (3,))
                print("SAID", nine + hit_there)
        """,
        "spawning.py",
    )
    done = cli("submit", "--job-id", "spawning", "spawning.py")
    assert _said(done) == 10
    assert done.stderr == ""
    assert done.stdout.count("Job ID") == 1
    (run,) = read_runs(open_store(str(cli.store)), "spawning", 60)
    assert run.state == "completed"


def test_what_a_submitted_program_starts_for_its_job_is_restarted_by_the_program(cli: Any) -> None:
    cli.script(
        """
        from dtset import TSetEnvironment
        with TSetEnvironment(cluster="synchronous") as env:
            print("inner", env.range(4).persist("inner").hit, flush=True)
        """,
        "inner.py",
    )
    cli.script(
        """
        import multiprocessing, subprocess, sys

        def flow():
            from dtset import TSetEnvironment
            with TSetEnvironment(cluster="synchronous") as env:
                print("child", env.range(5).persist("child").hit, flush=True)

        if __name__ == "__main__":
            child = multiprocessing.get_context("spawn").Process(target=flow)
            child.start()
            child.join()
            subprocess.run([sys.executable, "inner.py"], check=True)
            sys.exit(3)
        """,
        "outer.py",
    )
    done = cli("submit", "--job-id", "nested", "outer.py", "x y", status=3)
    assert {"child False", "inner False"} <= set(done.stdout.splitlines())
    # They ended well, and it is the program, which has no run of its own, that failed.
    assert {run.state for run in read_runs(open_store(str(cli.store)), "nested", 60)} == {
        "completed"
    }
    done = cli("restart", "nested", status=3)
    assert {"child True", "inner True"} <= set(done.stdout.splitlines())
    assert list(_last(cli, "nested").command) == [str(cli.folder / "outer.py"), "x y"]
