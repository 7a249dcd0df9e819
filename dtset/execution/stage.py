"""Stages: what runs in one pass over a partition, as data that travels to a worker, what it runs in there, and the files that it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dtset.execution.forwarding.logs import DriverLogging
from dtset.operators.call import Call, CallSpec
from dtset.operators.kernels.batching import Batches
from dtset.operators.kernels.driver import Handler, driven
from dtset.operators.kernels.failure import Place
from dtset.operators.kernels.lockstep import relayed
from dtset.operators.operator import Step
from dtset.plan.context import Notes, TSetContext
from dtset.storage.objects import ObjectStore

if TYPE_CHECKING:
    from dtset.execution.shipping import Program


from dtset.errors import SourceChangedError
from dtset.fingerprint.node import files_tree
from dtset.fingerprint.tree import Tree
from dtset.plan.nodes import FunctionFiles

# A function that pulls runs inside of its consumer's: some five frames deeper, and as much as it takes itself.
_PULLS_IN_A_STACK = 30
# Below which files of very few elements would be written.
_LEAST_MEMORY = 1 << 16


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
    exchange_memory: int = 1 << 26
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
    scratch: str | None = None
    sides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    notes: Notes = field(default_factory=Notes, repr=False)

    def call(
        self, spec: CallSpec[Any], *, sources: int = 1, targets: int = 1, side: int = 0
    ) -> Call:
        """Return what an operator is called with, for this partition."""
        objects = self.program.objects
        data = objects.get(spec.key)
        config: Mapping[str, Any] = objects["config"]
        ctx = TSetContext(
            index=self.partition,
            parallelism=spec.parallelism,
            id=spec.id,
            name=spec.name,
            worker_id=self.worker_id,
            config=config,
            attempt=self.settings.attempt,
            seed=spec.seed,
            inputs=self.sides.get(spec.key),
            # Which part of its data a source reads is known without it.
            notes=self.notes if data is None else Notes(self.notes.contents),
        )
        return Call(
            spec=spec,
            functions={role: objects[made.key] for role, made in spec.signatures.items()},
            ctx=ctx,
            place=place_of(spec, self.partition),
            limit=self.settings.batch_size,
            data=data,
            sources=sources,
            targets=targets,
            side=side,
            run_id=self.settings.run_id,
            memory=max(self.settings.exchange_memory, _LEAST_MEMORY),
            scratch=self.scratch,
        )


def place_of(spec: CallSpec[Any], partition: int) -> Place:
    """Where an operator runs, for notes on errors."""
    return Place(spec.operator.name, spec.label, partition)


@dataclass(frozen=True)
class GroupResult:
    """What the partitions of one task gave."""

    results: Mapping[int, Any] = field(repr=False)
    deal: str | None = None
    notes: Mapping[int, Notes] = field(default_factory=dict, repr=False)


def through(batches: Batches, steps: Sequence[CallSpec[Step]], scope: Scope) -> Batches:
    """Send batches through the steps, one after the other."""
    handlers: list[Handler] = []
    pulls = 0
    for step in steps:
        made = step.operator.run(scope.call(step))
        if not callable(made):
            handlers.extend(made)
            continue
        batches = made(driven(batches, handlers))
        handlers, pulls = [], pulls + 1
        if pulls % _PULLS_IN_A_STACK == 0:
            batches = relayed(batches)
    return driven(batches, handlers)


@dataclass(frozen=True)
class ExpectedFiles:
    """Files, and the state in which they were fingerprinted."""

    files: FunctionFiles
    expected: Tree

    def check(self) -> None:
        """Make sure that the files are as they were."""
        before, now = _states(self.expected), _states(files_tree(self.files))
        changed = sorted(
            name for name in before.keys() | now.keys() if before.get(name) != now.get(name)
        )
        if changed:
            raise SourceChangedError(
                f"{', '.join(changed)}, named in depends_on=, changed while what depends on it was computed: "
                "run again, to read it as it is now"
            )


def _states(tree: Tree) -> dict[str, str]:
    """Digests of files' states by their names, without what is another on each machine."""
    return {each.name: each.digest for each in tree.children if each.name.startswith("file ")}


def unchanged(batches: Batches, files: Sequence[ExpectedFiles]) -> Batches:
    """Pass batches on; when all have been used, and before they are committed, look at the files again."""
    yield from batches
    for each in files:
        each.check()
