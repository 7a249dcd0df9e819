"""What user functions print and log, and the processes they start."""

from __future__ import annotations

import io
import logging
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

import pytest

from dtset import TSetEnvironment
from dtset.execution.forwarding.printing import captured, write_out

log = logging.getLogger("etl.clean")


@pytest.fixture(params=["synchronous", "threads", "workers"])
def env(store, request):
    cluster = request.param
    given = request.getfixturevalue("local_cluster") if cluster == "workers" else cluster
    with TSetEnvironment(store=store, cluster=given, parallelism=1, checkpointing=False) as env:
        yield env


def test_stdout_is_a_text_file(env):
    def tell(x):
        stdout = sys.stdout
        return (
            "é".encode(stdout.encoding, stdout.errors),
            isinstance(stdout, io.TextIOBase),
            stdout.fileno() >= 0,
            stdout.isatty(),
            stdout.writable(),
            stdout.closed,
            print("", end="", file=stdout, flush=True),
        )

    assert env.range(1).map(tell).collect() == [
        ("é".encode(), True, True, False, True, False, None)
    ]


def test_all_that_is_written_to_stdout_reaches_the_driver_in_order(env, capfd):
    def write(x):
        print("text", x)
        sys.stdout.buffer.write("é, ".encode()[:1])
        sys.stdout.buffer.write("é, ".encode()[1:])
        sys.stdout.writelines(["a", "b\n"])
        sys.stdout.flush()
        os.write(1, b"")
        subprocess.run([sys.executable, "-c", ""], check=True)
        return x

    assert env.range(1).map(write).collect() == [0]
    assert capfd.readouterr().out.endswith("text 0\né, ab\n")


def test_what_stdout_cannot_show_ends_no_action(monkeypatch):
    narrow = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    with captured("run", enabled=True):
        sys.stdout.write("")
    write_out("é\n")
    narrow.flush()
    assert narrow.buffer.getvalue() == b"\\xe9\n"
    monkeypatch.setattr(sys, "stdout", None)
    with captured("run", enabled=True):
        print("nowhere")


def test_records_reach_the_drivers_logging_once_with_what_they_say(env, caplog):
    def write(x):
        log.debug("of no interest")
        log.info("element %d", x, extra={"element": x})
        try:
            1 // 0
        except ZeroDivisionError:
            log.exception("failed")
        return log.isEnabledFor(logging.DEBUG)

    with caplog.at_level(logging.INFO, "etl"):
        assert env.range(1).map(write).collect() == [False]
    records = [each for each in caplog.records if each.name == "etl.clean"]
    assert [(each.levelname, each.getMessage()) for each in records] == [
        ("INFO", "element 0"),
        ("ERROR", "failed"),
    ]
    assert records[0].element == 0
    assert records[0].funcName == "write"
    assert "ZeroDivisionError" in logging.Formatter().format(records[1])


def test_the_drivers_levels_hold_on_workers_and_are_taken_back(env, caplog):
    def write(x):
        logging.getLogger("other").info("of no interest")
        logging.getLogger("other").warning("warned")
        log.debug("detail")

    def level(x):
        return logging.getLogger().level, logging.getLogger("etl").level

    before = env.range(1).map(level).collect()
    with caplog.at_level(logging.DEBUG, "etl"):
        env.range(1).for_each(write)
    said = [each.getMessage() for each in caplog.records if each.name in ("other", "etl.clean")]
    assert said == ["warned", "detail"]
    assert env.range(1).map(level).collect() == before


def test_what_fails_is_printed_and_logged_as_well(env, caplog, capsys):
    def fail(x):
        print("printed")
        log.warning("warned")
        raise ValueError("a")

    with pytest.raises(ValueError, match="a"):
        env.range(1).map(fail).collect()
    assert "warned" in caplog.messages
    assert "printed\n" in capsys.readouterr().out


class Pair:
    def __init__(self, x):
        self.x = x


class ChildError(Exception):
    pass


def doubled(x):
    print("printed by a child")
    log.warning("logged by a child")
    return Pair(2 * x)


def failing(x):
    raise ChildError(x)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_that_functions_start_find_the_users_functions(env, method):
    def pooled(x):
        context = multiprocessing.get_context(method)
        with context.Pool(1) as pool:
            pairs = pool.map(doubled, [x, x + 1])
            try:
                pool.map(failing, [3])
            except ChildError as error:
                raised = error.args
        with ProcessPoolExecutor(1, mp_context=context) as executor:
            (again,) = executor.map(doubled, [5])
        return [type(each) is Pair and each.x for each in (*pairs, again)], raised

    assert env.range(1).map(pooled).collect() == [([0, 2, 10], (3,))]


def test_a_fork_keeps_no_output_that_nobody_would_see(env, capfd):
    def forked(x):
        if (child := os.fork()) == 0:
            print("said in a fork", flush=True)
            os._exit(0)
        print("said by its parent")
        return os.waitpid(child, 0)[1]

    assert env.range(1).map(forked).collect() == [0]
    out = capfd.readouterr().out
    # A worker's own stdout is not this process's.
    assert "said in a fork" in out or env.client is not None
    assert "said by its parent" in out
