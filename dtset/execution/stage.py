"""Stages: what runs in one pass over a partition, as data that travels to a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dtset.execution.logs import DriverLogging
from dtset.plan.context import TSetContext
from dtset.plan.user_function import Form, UserFunction
from dtset.storage.objects import ObjectStore

if TYPE_CHECKING:
    from dtset.execution.shipping import Program

__all__ = ["Scope", "Step", "TaskSettings", "visit_step"]


@dataclass(frozen=True)
class Step:
    """An operator in a stage; its function travels apart, under `key`.

    Parameters
    ----------
    key : str
        Where the program holds the function, or the source's data.
    operator, label, id, name : str
        The operator, its function as messages call it, and what ``ctx`` says of them.
    form : Form
        How the function is called.
    takes_ctx : bool
        Whether it is passed a `TSetContext`.
    takes_value : bool
        Whether a compute is given the value of a reduce, in place of an iterator.
    seed : str
        What ``ctx.random`` is seeded with, besides the partition.
    parallelism : int
        Number of partitions.
    """

    key: str
    operator: str
    label: str
    id: str
    name: str
    form: Form | None
    takes_ctx: bool
    takes_value: bool
    seed: str
    parallelism: int


def visit_step(operator: str, function: UserFunction, parallelism: int) -> Step:
    """Make the step of an action that calls a function for its effect."""
    return Step(
        key="visit",
        operator=operator,
        label=function.label,
        id=operator,
        name=operator,
        form=function.form,
        takes_ctx=function.takes_ctx,
        takes_value=False,
        seed="",
        parallelism=parallelism,
    )


@dataclass(frozen=True)
class TaskSettings:
    """What the tasks of a run share: where they write, and how.

    `record` is the path of a record that is there wherever the driver's store is.
    ``repr`` leaves the store out, whose options may hold secrets.
    """

    store: ObjectStore
    job_id: str
    run_id: str
    batch_size: int
    codec: str
    allow_pickle: bool
    attempt: int
    capture: bool
    record: str
    action: str = ""
    logging: DriverLogging | None = None
    ignore: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"TaskSettings(job {self.job_id}, run {self.run_id})"


@dataclass(frozen=True)
class Scope:
    """One attempt at one partition, on its worker."""

    settings: TaskSettings
    program: Program
    partition: int
    worker_id: int | str

    def function(self, step: Step) -> Any:
        """Return the function, or the source's data, of a step."""
        return self.program.objects[step.key]

    def context(self, step: Step) -> TSetContext:
        """Return what the function of a step is told about where it runs."""
        config: Mapping[str, Any] = self.program.objects["config"]
        return TSetContext(
            index=self.partition,
            parallelism=step.parallelism,
            id=step.id,
            name=step.name,
            worker_id=self.worker_id,
            config=config,
            attempt=self.settings.attempt,
            seed=step.seed,
        )
