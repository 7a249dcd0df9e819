from __future__ import annotations

import pickle
import sys
from typing import Any

import pytest

from dtset import TSetEnvironment
from dtset.session.main_module import show_main

SOURCE = """
import pickle, sys
from dtset.session.main_module import show_main

class Record: ...

def nested():
    first = show_main()
    second = show_main()
    module = sys.modules["__main__"]
    first()
    assert sys.modules["__main__"] is module
    return module, second
"""


def _program(**more: Any) -> dict[str, Any]:
    namespace = {"__name__": "__main__", **more}
    exec(SOURCE, namespace)
    return namespace


def test_the_running_program_is_found_as_long_as_somebody_wants_it() -> None:
    before = sys.modules["__main__"]
    program = _program()
    module, release = program["nested"]()
    assert sys.modules["__main__"] is module
    assert vars(module) is program
    assert type(pickle.loads(pickle.dumps(program["Record"]()))) is program["Record"]
    module.added = 1
    assert program["added"] == 1
    del module.added
    with pytest.raises(AttributeError, match="has no 'added'"):
        del module.added
    with pytest.raises(AttributeError, match="has no 'added'"):
        _ = module.added
    release()
    assert sys.modules["__main__"] is before


def test_the_main_module_stays_where_it_is_the_program() -> None:
    before = sys.modules["__main__"]
    show_main()()
    assert sys.modules["__main__"] is before


def test_an_environment_that_cannot_be_made_leaves_no_module_behind(tmp_path: Any) -> None:
    before = sys.modules["__main__"]
    program = _program(make=TSetEnvironment, store=str(tmp_path))
    code = "def made(**more): return make(store=store, cluster='synchronous', **more)"
    exec(code, program)
    with pytest.raises(Exception, match="parallelism"):
        program["made"](parallelism=-1)
    with program["made"]():
        assert vars(sys.modules["__main__"]) is program
    assert sys.modules["__main__"] is before


def test_a_job_is_named_after_the_program_that_a_tool_runs(tmp_path: Any) -> None:
    script = tmp_path / "wc.py"
    script.write_text(SOURCE)
    program = _program(__file__=str(script), make=TSetEnvironment, store=str(tmp_path))
    exec("def made(): return make(store=store, cluster='synchronous')", program)
    with program["made"]() as env:
        assert env.name == "wc"
