"""``dtset explain`` and ``dtset accept``."""

from __future__ import annotations

from typing import Any

SCRIPT = """
import sys
from dtset import TSetEnvironment

THRESHOLD = 5

def parse_row(x):
    # where it is parsed
    return x + 3

def clean(x):
    return parse_row(x) > THRESHOLD

with TSetEnvironment(job_id="etl", cluster="synchronous", parallelism=2) as env:
    def seen(x):
        if "stop" in sys.argv:
            raise SystemExit("stopped")
        return x
    cleaned = env.range(10).filter(clean).persist("clean")
    print("HIT", cleaned.hit)
    print("SUM", cleaned.map(lambda x: 2 * x).persist("doubled").reduce(lambda a, b: a + b).first())
"""


def run(cli: Any, source: str, *arguments: str, status: int | None = 0) -> str:
    """Run the script as a job, as it is now."""
    cli.script(source)
    out: str = cli.python("script.py", *arguments, status=status).stdout
    return out


def test_for_every_miss_of_the_last_run_the_first_difference_is_said(cli: Any) -> None:
    run(cli, SCRIPT)
    assert cli("explain", "etl").stdout.splitlines() == [
        "clean: miss: no earlier run persisted it",
        "doubled: miss: no earlier run persisted it",
    ]
    run(cli, SCRIPT)
    assert cli("explain", "etl").stdout.splitlines() == ["clean: hit", "doubled: hit"]
    run(cli, SCRIPT.replace("THRESHOLD = 5", "THRESHOLD = 6"))
    assert cli("explain", "etl").stdout.splitlines() == [
        "clean: miss: global THRESHOLD in script.clean: 5 → 6",
        "doubled: 1 of 2 partitions taken over; computed: persisted clean: its data changed",
    ]
    run(cli, SCRIPT)
    run(cli, SCRIPT.replace("x + 3", "x + 4"))
    helper = "helper script.parse_row: code changed (line 9: constant 3 → 4)"
    assert f"clean: miss: {helper}" in cli("explain", "etl").stdout
    shown = cli.json("explain", "etl")
    assert [each["hit"] for each in shown["persisted"]] == [False, 1]
    assert shown["persisted"][0]["why"] == helper
    run(cli, SCRIPT)
    run(cli, SCRIPT.replace("2 * x", "3 * x"))
    said = cli("explain", "etl").stdout.splitlines()
    assert said[0] == "clean: hit"
    assert said[1].startswith("doubled: miss: function script.<lambda>: code changed (line ")
    assert said[1].endswith(": constant 2 → 3)")


def test_an_early_cutoff_computes_once_and_hits_below(cli: Any) -> None:
    run(cli, SCRIPT)
    run(cli, SCRIPT.replace("return x + 3", "return 3 + x"))
    said = cli("explain", "etl").stdout.splitlines()
    assert said[0].startswith("clean: miss: helper script.parse_row: code changed")
    assert said[1] == "doubled: hit"


def test_explain_of_an_unknown_job_says_so(cli: Any) -> None:
    cli.store.mkdir()
    assert "no job nowhere" in cli("explain", "nowhere", status=2).stderr


# Fails as soon as it computes anything, so that it has asked for its TSets and made none.
HARMLESS = SCRIPT.replace("return x + 3", 'print("computing", 1 / 0); return 3 + x')


def test_what_the_user_accepts_counts_for_the_present_program_and_no_other(cli: Any) -> None:
    run(cli, SCRIPT)
    assert "ZeroDivisionError" in cli_error(cli, HARMLESS)
    said = cli("accept", "etl", "clean").stdout
    assert "2 partitions" in said
    assert "helper script.parse_row: code changed" in said
    out = run(cli, HARMLESS)
    assert "HIT True" in out
    assert "SUM" in out
    assert cli("explain", "etl").stdout.splitlines() == [
        "clean: hit, accepted for the present program",
        "doubled: hit",
    ]
    assert "Accepted: for TSet clean, by " in cli("show", "etl").stdout
    (accepted,) = cli.json("show", "etl")["accepted"]
    assert accepted["name"] == "clean"
    assert "code changed" in accepted["why"]
    # Any later change is a miss again.
    later = HARMLESS.replace("THRESHOLD = 5", "THRESHOLD = 6")
    assert "ZeroDivisionError" in cli_error(cli, later)


def cli_error(cli: Any, source: str) -> str:
    """Run a script that fails; what it said."""
    cli.script(source)
    err: str = cli.python("script.py", status=1).stderr
    return err


def test_accept_refuses_what_the_last_run_has_found_or_computed_or_never_asked_for(
    cli: Any,
) -> None:
    run(cli, SCRIPT)
    assert "computed 'clean' anew" in cli("accept", "etl", "clean", status=2).stderr
    run(cli, SCRIPT)
    assert "found 'clean'" in cli("accept", "etl", "clean", status=2).stderr
    assert "no persisted TSet named 'dirty'" in cli("accept", "etl", "dirty", status=2).stderr


def test_accept_refuses_data_with_another_number_of_partitions(cli: Any) -> None:
    run(cli, SCRIPT)
    cli_error(cli, HARMLESS.replace("env.range(10)", "env.range(10, parallelism=3)"))
    assert "2 partitions" in cli("accept", "etl", "clean", status=2).stderr


def test_what_was_accepted_can_be_cleared(cli: Any) -> None:
    run(cli, SCRIPT)
    cli_error(cli, HARMLESS)
    cli("accept", "etl", "clean")
    cli("clear", "etl", "--tset", "clean", "--delete")
    assert "ZeroDivisionError" in cli_error(cli, HARMLESS)


LOOP = """
from dtset import TSetEnvironment

def first(x): return x + 1
def second(x): return x + 10
def third(x): return x + 100

with TSetEnvironment(job_id="loop", cluster="synchronous", parallelism=2) as env:
    tset = env.range(4)
    for step in (first, second, third):
        tset = tset.map(step).persist("epoch")
        print(tset.hit, tset.collect())
"""


def run_loop(cli: Any, source: str, status: int | None = 0) -> str:
    """Run a script as a job, as it is now."""
    cli.script(source, "loop.py")
    out: str = cli.python("loop.py", status=status).stdout
    return out


def test_of_several_tsets_of_one_name_that_at_the_same_place_is_accepted(cli: Any) -> None:
    assert "[111, 112, 113, 114]" in run_loop(cli, LOOP)
    changed = LOOP.replace("return x + 100", "return 1 / 0 or 100 + x")
    run_loop(cli, changed, status=1)
    cli("accept", "loop", "epoch")
    out = run_loop(cli, changed)
    assert "True [111, 112, 113, 114]" in out


def test_data_of_another_place_are_not_accepted_where_several_share_the_name(cli: Any) -> None:
    run_loop(cli, LOOP)
    longer = LOOP.replace("second, third)", "second, third, lambda x: x / 0)")
    run_loop(cli, longer, status=1)
    said = cli("accept", "loop", "epoch", status=2).stderr
    assert "several TSets named 'epoch'" in said
