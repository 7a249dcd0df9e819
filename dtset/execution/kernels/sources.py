"""Elements of sources that the user wrote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dtset.execution.kernels.batching import Batches, batched
from dtset.execution.kernels.failure import Place

__all__ = ["sourced"]


def sourced(elements: Iterator[Any], place: Place, limit: int) -> Batches:
    """Cut the elements of a source into batches; what it raises is noted."""
    batches = batched(elements, limit)
    while True:
        with place.noting():
            batch = next(batches, None)
        if batch is None:
            return
        place.before += len(batch)
        yield batch
