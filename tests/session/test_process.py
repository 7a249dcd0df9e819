"""How jobs are named, restarted and ended; numbers as arguments."""

import numpy as np
import pytest

from dtset.checkpoint.job import Program
from dtset.session.arguments import a_number
from dtset.session.process import default_name, how_to_restart, job_id_of, state_after


@pytest.mark.parametrize(
    "file", ["/jobs/wc.py", "/jobs/wc/__main__.py", "/jobs/wc.pyz/__main__.py"]
)
def test_a_job_is_named_for_its_script(file):
    assert default_name(file) == "wc"


def test_a_job_id_holds_what_of_a_name_job_ids_may_hold():
    assert job_id_of("my job", "7f3a") == "my-job-7f3a"


def test_the_way_to_restart_names_the_store_where_it_is_not_the_configured_one():
    program = Program(("wc.py",), "/jobs", "/jobs/wc.py")
    said = how_to_restart(program, "wc-1", "s3://data/store")
    assert "`dtset restart wc-1 --store s3://data/store` goes on from there" in said
    assert "TSetEnvironment(job_id='wc-1')" in how_to_restart(Program((), "/"), "wc-1", "s3://d/s")


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (None, "completed"),
        (SystemExit(0), "completed"),
        (ValueError(), "failed"),
        (KeyboardInterrupt(), "interrupted"),
    ],
)
def test_how_a_run_ended_is_its_state(error, state):
    assert state_after(error) == state


@pytest.mark.parametrize(
    ("given", "number"), [(np.int64(4), 4), (True, None), (2.0, None), (0, None)]
)
def test_numbers_of_any_integer_type_are_pythons(given, number):
    assert a_number(given, least=1) == number
