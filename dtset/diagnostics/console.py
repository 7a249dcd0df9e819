"""What dtset says of itself, on the console of a script that was started from the command line."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any


class _Console(logging.Handler):
    """Writes to what is ``sys.stdout`` at the moment, and warnings to ``sys.stderr``."""

    def emit(self, record: logging.LogRecord) -> None:
        # Resolved now: pytest, contextlib and notebooks put other streams in the place of the first.
        stream = sys.stderr if record.levelno >= logging.WARNING else sys.stdout
        try:
            stream.write(f"{self.format(record)}\n")
            stream.flush()
        except Exception:
            self.handleError(record)


def attach_console(submitted: Mapping[str, Any]) -> None:
    """Show the banner, and what becomes of each persist, if the command line asked for it.

    Without ``banner`` in what the command line told this process nothing is changed: what a program that was not started by it
    shows is its own affair.
    """
    logger = logging.getLogger("dtset")
    if not submitted.get("banner") or any(isinstance(each, _Console) for each in logger.handlers):
        return
    handler = _Console()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    # A level that the script has set is its own decision.
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
