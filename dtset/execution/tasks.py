"""The functions that Dask runs: a group of partitions of a stage, and the splitting of what it sends."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from dtset.errors import StoreNotSharedError
from dtset.execution.code import StoredShipment, program_of
from dtset.execution.exchange.pieces import DealChangedError, Piece, common_deal, digest_of
from dtset.execution.expected_files import ExpectedFiles, unchanged
from dtset.execution.failures import packed
from dtset.execution.inputs import Input, Opened
from dtset.execution.kernels.failure import close_all
from dtset.execution.logs import forwarded
from dtset.execution.outputs import Output
from dtset.execution.printing import captured
from dtset.execution.results import GroupResult
from dtset.execution.shipping import Program, Shipment
from dtset.execution.stage import Scope, Step, TaskSettings
from dtset.execution.steps import place_of, through
from dtset.execution.worker import running_worker
from dtset.storage.blocks import block_classes
from dtset.storage.pickling import ClassResolver, present_class

__all__ = [
    "Stage",
    "classes_in",
    "partition_results",
    "run_group",
    "split_group",
    "together",
]


@dataclass(frozen=True)
class Stage:
    """Operators fused into one pass over a partition."""

    input: Input
    steps: tuple[Step, ...]
    output: Output = field(repr=False)
    files: tuple[ExpectedFiles, ...] = ()


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
    begun: tuple[Program, Opened] | None = None
    for partition in partitions:
        try:
            if begun is None:
                _check_store(settings)
                program = program_of(shipment, settings)
                resolver = program.resolve
                begun = program, stage.input.open(upstream)
            result = _result(settings, stage, partition, *begun)
        except (DealChangedError, StoreNotSharedError):
            raise
        except BaseException as error:
            failure = packed(error, resolver)
        else:
            yield GroupResult({partition: result}, begun[1].deal)
            continue
        # Raised here, it has no context: that would travel along, however deep its traceback is.
        raise failure


def together(*groups: GroupResult) -> GroupResult:
    """Put the results of partitions of one stage together."""
    deal = common_deal(group.deal for group in groups)
    return GroupResult(
        {key: value for group in groups for key, value in group.results.items()}, deal
    )


def _result(
    settings: TaskSettings, stage: Stage, partition: int, program: Program, opened: Opened
) -> Any:
    """Run a stage over a partition, and close what that opened."""
    scope = Scope(settings, program, partition, _worker_id())
    with (
        captured(settings.run_id, enabled=settings.capture),
        forwarded(settings.run_id, settings.logging),
    ):
        batches = through(opened.batches(scope), stage.steps, scope)
        batches = unchanged(batches, stage.files)
        try:
            with _making(stage, scope):
                result = stage.output.consume(batches, scope, opened.deal)
        except BaseException as error:
            close_all([batches.close], error)
            raise
        close_all([batches.close])
    return result


def _making(stage: Stage, scope: Scope) -> AbstractContextManager[None]:
    """Note, on what is raised because of the elements themselves, which operator made them."""
    step = stage.steps[-1] if stage.steps else getattr(stage.input, "step", None)
    return place_of(step, scope).noting() if isinstance(step, Step) else nullcontext()


def split_group(result: GroupResult, targets: Sequence[int]) -> Piece:
    """Take from a map side's result what a group of targets needs."""
    blocks: dict[int, list[tuple[int, bytes]]] = {target: [] for target in targets}
    for partition, sent in result.results.items():
        for target in targets:
            if target in sent:
                blocks[target].append((partition, sent[target]))
    digests = {partition: digest_of(sent) for partition, sent in result.results.items()}
    return Piece(digests, blocks, result.deal)


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
    """Make sure, once per process, that a record that the driver sees can be seen from here.

    Raises
    ------
    StoreNotSharedError
        It cannot: what is written here would not be found again.
    """
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
