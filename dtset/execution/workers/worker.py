"""Which worker of Dask's, if any, runs the present task."""

from __future__ import annotations

import sys
from typing import Any


def running_worker() -> Any:
    """Return the `distributed.Worker` whose task this is, if any; distributed, half a second to import, is not imported."""
    get_worker = getattr(sys.modules.get("distributed.worker"), "get_worker", None)
    if get_worker is None:
        return None
    try:
        return get_worker()
    except ValueError:
        return None
