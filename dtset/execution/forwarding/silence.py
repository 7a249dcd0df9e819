"""Silence of Dask's logs while what they would tell of is dtset's own to say."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager

from dtset.execution.forwarding.shared import SharedChange

_before: dict[logging.Logger, int] = {}


def silenced() -> AbstractContextManager[None]:
    """Let Dask log nothing, as its own clusters do: what happens to workers of ours is said in words of ours."""
    return _silence.made(_be_silent)


def _be_silent() -> None:
    for name in () if _before else list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("distributed", "tornado"):
            logger = logging.getLogger(name)
            _before[logger] = logger.level
            if logger.level or name in ("distributed", "tornado"):
                logger.setLevel(logging.CRITICAL + 1)


def _put_back() -> None:
    for logger, level in _before.items():
        logger.setLevel(level)
    _before.clear()


_silence = SharedChange(_put_back)
