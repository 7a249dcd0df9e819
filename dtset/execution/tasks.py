"""The functions that Dask runs: a group of partitions of a stage."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from dtset.errors import StoreNotSharedError
from dtset.exchange.deal import DealChangedError, common_deal
from dtset.execution.code import StoredShipment, program_of
from dtset.execution.forwarding.failures import packed
from dtset.execution.forwarding.logs import forwarded
from dtset.execution.forwarding.printing import captured
from dtset.execution.inputs import Input, SideInput, opened_sides
from dtset.execution.outputs import Output
from dtset.execution.shipping import Program, Shipment
from dtset.execution.stage import (
    ExpectedFiles,
    GroupResult,
    Scope,
    TaskSettings,
    place_of,
    through,
    unchanged,
)
from dtset.execution.workers.worker import running_worker
from dtset.operators.call import CallSpec
from dtset.operators.kernels.failure import Closing
from dtset.operators.operator import Step
from dtset.storage.blocks import block_classes
from dtset.storage.pickling import ClassResolver, present_class


@dataclass(frozen=True)
class Stage:
    """Operators fused into one pass over a partition; upstream are the results for the input, then for each side input."""

    input: Input
    steps: tuple[CallSpec[Step], ...]
    output: Output = field(repr=False)
    files: tuple[ExpectedFiles, ...] = ()
    sides: tuple[SideInput, ...] = ()


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
    result_of: Callable[[int], GroupResult] | None = None
    for partition in partitions:
        try:
            if result_of is None:
                _check_store(settings)
                program = program_of(shipment, settings)
                resolver = program.resolve
                result_of = _begun(settings, stage, program, upstream)
            result = result_of(partition)
        except (DealChangedError, StoreNotSharedError):
            raise
        except BaseException as error:
            failure = packed(error, resolver)
        else:
            yield result
            continue
        # Raised here, it has no context: that would travel along, however deep its traceback is.
        raise failure


def together(*groups: GroupResult) -> GroupResult:
    """Put the results of partitions of one stage together."""
    deal = common_deal(group.deal for group in groups)
    results = {key: value for group in groups for key, value in group.results.items()}
    notes = {key: made for group in groups for key, made in group.notes.items()}
    return GroupResult(results, deal, notes)


def _begun(
    settings: TaskSettings, stage: Stage, program: Program, upstream: Sequence[Any]
) -> Callable[[int], GroupResult]:
    """Open the input of a stage, and its side inputs; return what runs it over a partition."""
    own = len(upstream) - sum(side.count for side in stage.sides)
    main = stage.input.open(upstream[:own])
    sides = opened_sides(stage.sides, upstream[own:])
    deal = sides.deal_with(main.deal)

    worker_id, scratch = _worker_id(), getattr(running_worker(), "local_directory", None)

    def result_of(partition: int) -> GroupResult:
        scope = sides.seen_from(Scope(settings, program, partition, worker_id, scratch))
        with (
            captured(settings.run_id, enabled=settings.capture),
            forwarded(settings.run_id, settings.logging),
        ):
            batches = through(main.batches(scope), stage.steps, scope)
            if stage.files:
                batches = unchanged(batches, stage.files)
            with Closing(batches.close), _making(stage, scope):
                result = stage.output.consume(batches, scope, deal)
        notes = {} if scope.notes.is_empty else {partition: scope.notes}
        return GroupResult({partition: result}, deal, notes)

    return result_of


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
