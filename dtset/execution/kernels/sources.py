"""Elements that the user's code gives one by one: sources, and what whole-partition functions stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import GeneratorType
from typing import Any

from dtset.execution.kernels.batching import Batches, batched
from dtset.execution.kernels.failure import Place, close_all
from dtset.plan.sources import Pulled

__all__ = ["streaming"]


def streaming(
    elements: Iterable[Any], place: Place, limit: int, *above: Callable[[], object]
) -> Batches:
    """Cut elements into batches; what gives them is closed at the end, and then what is above."""

    def close() -> None:
        # An iterator of the user's that is no generator may be in use elsewhere.
        if isinstance(elements, GeneratorType | Pulled):
            with place.noting():
                elements.close()

    closings = (close, *above)
    try:
        with place.noting():
            batches = batched(iter(elements), limit)
        while True:
            with place.noting():
                batch = next(batches, None)
            if batch is None:
                break
            try:
                yield batch
            except GeneratorExit:
                break
    except BaseException as error:
        close_all(closings, error)
        raise
    close_all(closings)
