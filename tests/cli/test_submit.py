from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

PROGRAM = """
    import os, signal, sys
    from dtset import TSetEnvironment

    env = TSetEnvironment(cluster="synchronous")
    print("persisted:", env.range(6, parallelism=2).map(abs).persist("numbers").hit)
    end = sys.argv[1]
    if end == "raise":
        raise ValueError("as it was told to")
    if end == "exit":
        os._exit(7)
    if end == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("end", "status", "state"),
    [
        ("return", 0, "completed"),
        ("raise", 1, "failed"),
        ("exit", 7, "failed"),
        ("kill", 137, "interrupted"),
    ],
)
def test_status_and_state_tell_how_the_script_ended(
    cli: Any, end: str, status: int, state: str
) -> None:
    done = cli("submit", "--job-id", "job", cli.script(PROGRAM), end, status=status)
    assert ("dtset restart job\n" in done.stderr) is (status != 0)
    assert [(job["id"], job["state"], job["persisted"]) for job in cli.json("jobs")] == [
        ("job", state, 1)
    ]


def test_banner_and_persists_are_shown_on_stdout(cli: Any) -> None:
    script = cli.script(PROGRAM, "count.py")
    done = cli("submit", script, "return")
    assert re.search(r"^Job name +: count$", done.stdout, re.M)
    assert re.search(r"^Job ID +: count-[0-9a-f-]{36}$", done.stdout, re.M)
    assert done.stdout.count("persisted numbers: computed, 2 partitions, 6 rows") == 1
    assert done.stdout.index("Job ID") < done.stdout.index("persisted: False")
    assert done.stderr == ""


def test_what_follows_the_script_is_its_own(cli: Any) -> None:
    script = cli.script("import sys, json; print(json.dumps(sys.argv[1:]))")
    arguments = ["--store", "x", "-h", "--", "--help", "a b", ""]
    assert json.loads(cli("submit", script, *arguments).stdout) == arguments


def test_a_script_that_never_made_a_job_has_nothing_to_restart(cli: Any) -> None:
    done = cli("submit", cli.script("raise SystemExit(3)"), status=3)
    assert done.stdout + done.stderr == ""
    assert not cli.store.exists()


def test_options_reach_the_script_as_settings(cli: Any) -> None:
    script = cli.script(
        """
        import json, os, sys
        from dtset.settings import setting
        told = {key: setting(key) for key in ("store",)}
        print(json.dumps([told, json.loads(os.environ["DTSET_SUBMITTED"]), os.environ["DTSET_JOB_ID"], sys.path[0]]))
        """
    )

    def told(*options: str, **variables: str) -> Any:
        return json.loads(cli("submit", *options, "script.py", **variables).stdout)

    settings, submitted, job_id, first = told("--store", "here", "--workers", "3", "--name", "Ab c")
    assert settings == {"store": str(cli.folder / "here")}
    assert (submitted["name"], submitted["program"]["script"], submitted["workers"]) == (
        "Ab c",
        str(script),
        3,
    )
    assert re.fullmatch("Ab-c-[0-9a-f-]{36}", job_id)
    assert first == str(cli.folder)
    _, submitted, job_id, _ = told(
        "--cluster", "tcp://127.0.0.1:1", "--job-id", "mine", DTSET_JOB_ID="other"
    )
    assert (submitted["cluster"], job_id) == ("tcp://127.0.0.1:1", "mine")
    _, submitted, job_id, _ = told(
        "--workers", "2", DTSET_JOB_ID="other", DASK_DTSET__CLUSTER="threads"
    )
    assert (submitted["cluster"], submitted["workers"], job_id) == (None, 2, "other")


SLEEPER = """
    import time
    from dtset import TSetEnvironment

    env = TSetEnvironment(cluster="synchronous", job_id="job")
    print("ready", flush=True)
    time.sleep(60)
"""


def _started(cli: Any, script: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        cli.command("submit", script),
        cwd=cli.folder,
        env=cli.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line == "ready\n":
            return process
    raise AssertionError(process.communicate())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_passed_on_to_the_script(cli: Any, number: signal.Signals) -> None:
    process = _started(cli, cli.script(SLEEPER))
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    # By the shells' convention, as if the script had been called without the command line.
    assert process.returncode == 128 + number
    assert ("KeyboardInterrupt" in errors) is (number == signal.SIGINT)
    assert cli.json("jobs")[0]["state"] == "interrupted"


def test_the_interrupt_of_a_terminal_reaches_the_script_once(cli: Any) -> None:
    script = cli.script(
        """
        import signal, sys, time
        taken = []
        signal.signal(signal.SIGINT, lambda *_: taken.append(1))
        print("ready", flush=True)
        while not taken:
            time.sleep(0.02)
        time.sleep(0.5)
        print("taken", len(taken), flush=True)
        sys.exit(4)
        """
    )
    environment = cli.environment()
    pid, terminal = pty.fork()
    if pid == 0:
        command = cli.command("submit", script)
        os.execve(command[0], command, environment)
    shown, interrupted, deadline = b"", False, time.monotonic() + 60
    while not re.search(rb"taken \d", shown):
        assert time.monotonic() < deadline
        shown += os.read(terminal, 1000)
        if b"ready" in shown and not interrupted:
            os.write(terminal, b"\x03")
            interrupted = True
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert b"taken 1" in shown, shown
    assert os.waitstatus_to_exitcode(status) == 4


def test_script_with_a_store_and_an_id_of_its_own_gets_its_restart_line(cli):
    cli.script(
        """
        import sys
        from dtset import TSetEnvironment
        env = TSetEnvironment(job_id="own", store="elsewhere", cluster="synchronous")
        sys.exit(3)
        """
    )
    said = cli("submit", "script.py", status=3).stderr
    assert "dtset restart own --store" in said
    assert str(cli.folder / "elsewhere") in said
    listed = json.loads(cli("jobs", "--json", "--store", "elsewhere").stdout)
    assert [job["state"] for job in listed] == ["failed"]


def test_as_submitted_runs_the_first_script_however_often(cli):
    source = """
        from dtset import TSetEnvironment
        with TSetEnvironment(cluster="synchronous") as env:
            print("THIS IS", "OLD")
        """
    cli.script(source)
    cli("submit", "--job-id", "kept", "script.py")
    cli.script(source.replace("OLD", "NEW"))
    for _ in range(2):
        assert "THIS IS OLD" in cli("restart", "kept", "--as-submitted").stdout
    assert "THIS IS NEW" in cli("restart", "kept").stdout


def test_a_killed_command_line_takes_the_script_with_it(cli: Any) -> None:
    process = _started(cli, cli.script(SLEEPER))
    (child,) = psutil.Process(process.pid).children()
    process.kill()
    process.communicate(timeout=30)
    _, alive = psutil.wait_procs([child], timeout=30)
    assert not alive
    assert cli.json("jobs")[0]["state"] == "interrupted"
