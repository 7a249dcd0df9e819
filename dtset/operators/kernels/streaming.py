"""Elements that the user's code gives one by one: sources, and what whole-partition functions stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import GeneratorType
from typing import Any

from dtset.operators.kernels.batching import Batches, batched
from dtset.operators.kernels.failure import Closing, Place
from dtset.plan.context import TSetContext


class Pulled:
    """Elements of a source object, which is closed by whoever uses them, exhausted or not."""

    def __init__(self, source: Any, ctx: TSetContext) -> None:
        self._source = source
        self._ctx = ctx
        self._is_open = False

    def __iter__(self) -> Iterator[Any]:
        source = self._source
        if (prepare := getattr(source, "prepare", None)) is not None:
            prepare(self._ctx)
        self._is_open = True
        has_next, following = source.has_next, source.next
        while has_next():
            yield following()

    def close(self) -> None:
        """Close the source, once, if it was prepared."""
        was_open, self._is_open = self._is_open, False
        if was_open and (close := getattr(self._source, "close", None)) is not None:
            close()


def streaming(
    elements: Iterable[Any], place: Place, limit: int, *above: Callable[[], object]
) -> Batches:
    """Cut elements into batches; what gives them is closed at the end, and then what is above."""

    def close() -> None:
        # An iterator of the user's that is no generator may be in use elsewhere.
        if isinstance(elements, GeneratorType | Pulled):
            with place.noting():
                elements.close()

    with Closing(close, *above):
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
