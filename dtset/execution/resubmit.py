"""What was lost is submitted again, a bounded number of times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from dtset.errors import DTSetError
from dtset.exchange.deal import DealChangedError
from dtset.execution.forwarding.failures import TaskFailedError
from dtset.execution.schedulers.scheduler import WorkersLostError
from dtset.execution.schedulers.waiting import SchedulerLostError, WorkersGoneError

_T = TypeVar("_T")


@dataclass(frozen=True)
class Resubmission:
    """How often what was lost is submitted again."""

    most: int
    restarting: str

    def submitted(self, submit: Callable[[int], _T]) -> _T:
        """Submit, and submit again what was lost with its workers, given the number of the attempt.

        What was committed in between is not computed again: tasks look for their partitions' records.
        """
        for attempt in count():
            try:
                return submit(attempt)
            except TaskFailedError as failure:
                error = failure.unpack()
                break
            except SchedulerLostError as lost:
                raise DTSetError(
                    f"the Dask scheduler does not answer any more: {lost}. {self.restarting}"
                ) from lost
            except WorkersGoneError as gone:
                raise DTSetError(f"{gone}. {self.restarting}") from gone
            except DealChangedError as changed:
                if attempt >= self.most:
                    raise DTSetError(
                        f"what is above an exchange gave something else each time it ran again: {changed}. Persist or "
                        "cache it above the exchange, or make it depend on nothing but its input and ctx.random"
                    ) from changed
            except WorkersLostError as lost:
                if attempt >= self.most:
                    raise DTSetError(
                        f"tasks were lost with their workers {attempt + 1} times: {lost}. "
                        "The cause is often too little memory for a partition; the logs of the workers say more. "
                        f"{self.restarting}"
                    ) from lost
        # Raised here, it keeps the cause that it had.
        raise error
