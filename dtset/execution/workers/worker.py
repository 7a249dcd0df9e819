"""Which worker of Dask's, if any, runs the present task."""

from __future__ import annotations

import sys
from typing import Any


def running_worker() -> Any:
    """Return the `distributed.Worker` whose task this is, None where it is no task of one.

    Nothing is imported: to import distributed only to find none costs half a second, and in this
    process it may be just being imported by another thread.
    """
    get_worker = getattr(sys.modules.get("distributed.worker"), "get_worker", None)
    if get_worker is None:
        return None
    try:
        return get_worker()
    except ValueError:
        return None
