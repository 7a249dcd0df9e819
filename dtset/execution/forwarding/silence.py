"""Silence of Dask's logs while what they would tell of is dtset's own to say."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["silenced"]

_SILENT = logging.CRITICAL + 1

_silencing = threading.Lock()
_silenced: dict[str, int] = {}
_silencers = 0


@contextmanager
def silenced() -> Iterator[None]:
    """Let Dask log nothing: what happens to workers of ours is said in words of ours.

    Dask's own clusters do the same with the logs of the process they are started in.
    """
    global _silencers
    with _silencing:
        _silencers += 1
        if _silencers == 1:
            names = [name for name in logging.root.manager.loggerDict if _is_dasks(name)]
            _silenced.update({name: logging.getLogger(name).level for name in names})
            for name in names:
                if _silenced[name] or name in ("distributed", "tornado"):
                    logging.getLogger(name).setLevel(_SILENT)
    try:
        yield
    finally:
        with _silencing:
            _silencers -= 1
            if not _silencers:
                for name, level in _silenced.items():
                    logging.getLogger(name).setLevel(level)
                _silenced.clear()


def _is_dasks(name: str) -> bool:
    return name.partition(".")[0] in ("distributed", "tornado")
