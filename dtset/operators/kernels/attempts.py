"""Functions of elements that are tried again, skipped where they fail, or awaited."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any

from dtset.errors import DTSetError
from dtset.operators.kernels.batching import next_size
from dtset.operators.kernels.driver import Handler
from dtset.operators.kernels.event_loop import Window, loop_of
from dtset.operators.kernels.failure import Closing, Place, notes_of, text_of
from dtset.plan.attempts import Attempts, Failed
from dtset.storage.batch import Rows

_logger = logging.getLogger("dtset")

_FIRST = 64

Made = Callable[[Any, Any], Iterable[Any]]
"""What becomes of an element and of what the function returned for it."""


class _Trial:
    """A function of elements, with what becomes of those that it fails on."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        made: Made,
        attempts: Attempts,
        place: Place,
        skip: Callable[[], None],
    ) -> None:
        self.function = function
        self.made = made
        self.attempts = attempts
        self.place = place
        self.skip = skip
        self.skipped = 0
        self.last = ""

    def call(self, element: Any) -> Sequence[Any]:
        """Call the function, and again after growing pauses where it fails."""
        failures = 0
        while True:
            try:
                return list(self.made(element, self.function(element)))
            except Exception as error:
                failures += 1
                pause = self.pause(error, failures)
                if pause is None:
                    if self.is_raised(error):
                        raise
                    return self.instead(element, error)
            time.sleep(pause)

    async def wait(self, element: Any) -> Sequence[Any]:
        """Call the coroutine function, and again after growing pauses where it fails."""
        failures = 0
        while True:
            try:
                return list(self.made(element, await self.returned(element)))
            except Exception as error:
                failures += 1
                pause = self.pause(error, failures)
                if pause is None:
                    if self.is_raised(error):
                        raise
                    return self.instead(element, error)
            await asyncio.sleep(pause)

    async def returned(self, element: Any) -> Any:
        """Return what the coroutine function returns, or all that an asynchronous generator yields, in time."""
        limit = asyncio.timeout(self.attempts.timeout)
        try:
            async with limit:
                made = self.function(element)
                if hasattr(made, "__aiter__"):
                    return [each async for each in made]
                return await made
        except TimeoutError as error:
            if limit.expired():
                raise TimeoutError(
                    f"it took longer than timeout={self.attempts.timeout}"
                ) from error
            raise

    def pause(self, error: Exception, failures: int) -> float | None:
        """Return how long to wait before the next call, None if there is to be none."""
        return None if isinstance(error, DTSetError) else self.attempts.pause(failures)

    def is_raised(self, error: Exception) -> bool:
        """Whether an exception ends the run: one of dtset's own does, of a store that is damaged, say."""
        return self.attempts.on_error == "raise" or isinstance(error, DTSetError)

    def instead(self, element: Any, error: Exception) -> Sequence[Any]:
        """Return what stands for an element that the function failed on."""
        if self.attempts.on_error == "keep":
            return [Failed(element, text_of(error))]
        self.skipped += 1
        self.skip()
        self.last = text_of(error)
        return []

    def say(self) -> None:
        """Say how many elements were skipped."""
        if self.skipped:
            where = f"{self.place.operator} {self.place.label}, partition {self.place.partition}"
            _logger.warning("%s: %d skipped, the last for %s", where, self.skipped, self.last)


def tried(
    function: Callable[[Any], Any],
    made: Made,
    attempts: Attempts,
    place: Place,
    limit: int,
    skip: Callable[[], None],
) -> Handler:
    """Give what is made of what a function returns, in batches that stay near `limit`."""
    trial = _Trial(function, made, attempts, place, skip)
    with Closing(trial.say):
        while (batch := (yield None)) is not None:
            elements = place.enter(batch.rows())
            while True:
                gathered: list[Any] = []
                with place.noting():
                    for element in elements:
                        gathered.extend(trial.call(element))
                        if len(gathered) >= limit:
                            break
                if not gathered:
                    break
                yield Rows(gathered)


def awaited(
    function: Callable[[Any], Any],
    made: Made,
    attempts: Attempts,
    place: Place,
    limit: int,
    run_id: str,
    skip: Callable[[], None],
) -> Handler:
    """Give what is made of what a coroutine function returns, called for several elements at once.

    While the first elements are waited for, as many more are sent as may run at once; not more.
    """
    trial = _Trial(function, made, attempts, place, skip)
    window = Window(loop_of(run_id), trial.wait, attempts.concurrency, place)
    sent: deque[tuple[int, Future[list[Sequence[Any]]]]] = deque()
    # Pieces are short at first, and where much or large things are made of each element.
    ahead, share = 0, min(limit, _FIRST)

    def first() -> Rows:
        nonlocal ahead, share
        count = sent[0][0]
        ahead -= count
        gathered = [each for of_one in window.received(sent.popleft()[1]) for each in of_one]
        wanted = next_size(gathered, limit) if gathered else limit
        share = max(1, min(limit, 8 * share, count * wanted // max(1, len(gathered))))
        return Rows(gathered)

    with Closing(window.close, trial.say):
        try:
            while (batch := (yield None)) is not None:
                rest = batch.rows()
                while rest:
                    piece, rest = rest[:share], rest[share:]
                    sent.append((len(piece), window.send(piece)))
                    ahead += len(piece)
                    while sent and (
                        sent[0][1].done() or ahead - sent[0][0] >= attempts.concurrency
                    ):
                        yield first()
            while sent:
                yield first()
        except GeneratorExit as error:
            # What closing raises now is not lost in it; one with a note is the function's own.
            if notes_of(error):
                raise
