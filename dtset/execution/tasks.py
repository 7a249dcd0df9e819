"""The functions that Dask runs: a group of partitions of a stage."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from dtset.errors import StoreNotSharedError
from dtset.exchange.deal import DealChangedError, common_deal
from dtset.execution.code import StoredShipment, program_of
from dtset.execution.expected_files import ExpectedFiles, unchanged
from dtset.execution.forwarding.failures import packed
from dtset.execution.forwarding.logs import forwarded
from dtset.execution.forwarding.printing import captured
from dtset.execution.inputs import Input, Opened
from dtset.execution.outputs import Output
from dtset.execution.shipping import Program, Shipment
from dtset.execution.side_inputs import OpenedSides, SideInput, opened_sides
from dtset.execution.stage import GroupResult, Scope, TaskSettings, place_of, through
from dtset.execution.workers.worker import running_worker
from dtset.operators.call import CallSpec
from dtset.operators.kernels.failure import Closing
from dtset.operators.operator import Step
from dtset.storage.blocks import block_classes
from dtset.storage.pickling import ClassResolver, present_class


@dataclass(frozen=True)
class Stage:
    """Operators fused into one pass over a partition.

    Its upstream results are those of the input, then those of each side input.
    """

    input: Input
    steps: tuple[CallSpec[Step], ...]
    output: Output = field(repr=False)
    files: tuple[ExpectedFiles, ...] = ()
    sides: tuple[SideInput, ...] = ()


@dataclass(frozen=True)
class _Begun:
    """A stage with the user's code and its upstream at hand."""

    program: Program
    main: Opened
    sides: OpenedSides
    deal: str | None


_stores_seen: set[tuple[str, str]] = set()


def run_group(
    settings: TaskSettings,
    stage: Stage,
    partitions: Sequence[int],
    shipment: Shipment | StoredShipment,
    *upstream: Any,
) -> GroupResult:
    """Run a stage over a group of partitions, one by one."""
    return together(*partition_results(settings, stage, partitions, shipment, *upstream))


def partition_results(
    settings: TaskSettings,
    stage: Stage,
    partitions: Sequence[int],
    shipment: Shipment | StoredShipment,
    *upstream: Any,
) -> Iterator[GroupResult]:
    """Run a stage over a group of partitions, the next one each time that its result is asked for."""
    resolver: ClassResolver = present_class
    begun: _Begun | None = None
    for partition in partitions:
        try:
            if begun is None:
                _check_store(settings)
                program = program_of(shipment, settings)
                resolver = program.resolve
                begun = _begin(stage, program, upstream)
            result = _result(settings, stage, partition, begun)
        except (DealChangedError, StoreNotSharedError):
            raise
        except BaseException as error:
            failure = packed(error, resolver)
        else:
            yield GroupResult({partition: result}, begun.deal)
            continue
        # Raised here, it has no context: that would travel along, however deep its traceback is.
        raise failure


def together(*groups: GroupResult) -> GroupResult:
    """Put the results of partitions of one stage together."""
    deal = common_deal(group.deal for group in groups)
    return GroupResult(
        {key: value for group in groups for key, value in group.results.items()}, deal
    )


def _begin(stage: Stage, program: Program, upstream: Sequence[Any]) -> _Begun:
    own = len(upstream) - sum(side.count for side in stage.sides)
    main = stage.input.open(upstream[:own])
    sides = opened_sides(stage.sides, upstream[own:])
    return _Begun(program, main, sides, sides.deal_with(main.deal))


def _result(settings: TaskSettings, stage: Stage, partition: int, begun: _Begun) -> Any:
    """Run a stage over a partition, and close what that opened."""
    scope = begun.sides.seen_from(Scope(settings, begun.program, partition, _worker_id()))
    with (
        captured(settings.run_id, enabled=settings.capture),
        forwarded(settings.run_id, settings.logging),
    ):
        batches = through(begun.main.batches(scope), stage.steps, scope)
        if stage.files:
            batches = unchanged(batches, stage.files)
        with Closing(batches.close), _making(stage, scope):
            return stage.output.consume(batches, scope, begun.deal)


def _making(stage: Stage, scope: Scope) -> AbstractContextManager[None]:
    """Note, on what is raised because of the elements themselves, which operator made them."""
    spec = stage.steps[-1] if stage.steps else getattr(stage.input, "spec", None)
    if spec is None:
        return nullcontext()
    return place_of(spec, scope.partition).noting()


def classes_in(result: GroupResult) -> frozenset[tuple[str, str]]:
    """Which of the user's classes occur in a result's blocks, by module and qualified name."""
    blocks = (block for kept in result.results.values() for block in kept)
    return frozenset(each for block in blocks for each in block_classes(block))


def _worker_id() -> int | str:
    """Name of the worker that runs this; 0 in the driver's own process."""
    worker = running_worker()
    if worker is None:
        return 0
    name = worker.name
    return name if isinstance(name, int) else str(name)


def _check_store(settings: TaskSettings) -> None:
    """Make sure, once per process, that a record that the driver sees can be seen from here."""
    seen = (settings.store.url, settings.run_id)
    if seen in _stores_seen:
        return
    try:
        settings.store.get(settings.record)
    except FileNotFoundError:
        raise StoreNotSharedError(
            f"the worker on {socket.gethostname()} does not find {settings.record} in the store {settings.store.url}: "
            "give TSetEnvironment a store= that the driver and all workers reach, such as a shared file system or s3://…"
        ) from None
    _stores_seen.add(seen)
