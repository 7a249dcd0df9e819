from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from dtset.diagnostics.banner import attach_console


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("dtset")
    before = (list(logger.handlers), logger.level)
    logger.setLevel(logging.NOTSET)
    yield logger
    logger.handlers[:], level = before
    logger.setLevel(level)


def test_what_is_said_goes_to_stdout_once(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    attach_console({"banner": True})
    attach_console({"banner": True})
    logger.info("persisted %s", "[x]")
    logger.debug("nobody asked")
    logger.warning("look here")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("persisted [x]\n", "look here\n")


def test_it_follows_a_stdout_that_is_replaced(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    import contextlib
    import io

    attach_console({"banner": True})
    with contextlib.redirect_stdout(io.StringIO()) as other:
        logger.info("inside")
    logger.info("outside")
    assert (other.getvalue(), capsys.readouterr().out) == ("inside\n", "outside\n")


def test_a_level_of_the_users_stands(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logger.setLevel(logging.ERROR)
    attach_console({"banner": True})
    logger.info("not wanted")
    assert capsys.readouterr().out == ""


def test_nothing_is_changed_where_the_command_line_is_not(logger: logging.Logger) -> None:
    before = list(logger.handlers)
    attach_console({})
    attach_console({"name": "job"})
    assert (logger.handlers, logger.level) == (before, logging.NOTSET)
