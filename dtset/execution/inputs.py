"""Where the elements of a stage come from, an exchange apart, and the side inputs that its functions ask for by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, TypeAlias

from dtset.checkpoint.part import Part, read_elements
from dtset.exchange.deal import common_deal
from dtset.execution.stage import GroupResult, Scope, through
from dtset.operators.call import CallSpec
from dtset.operators.data_partition import DataPartition
from dtset.operators.kernels.batching import Batches
from dtset.operators.kernels.failure import Closing
from dtset.operators.operator import Reader, Step, Zipper
from dtset.plan.context import Notes
from dtset.plan.nodes import BEFORE
from dtset.storage.blocks import decode_block

BatchesOf: TypeAlias = Callable[[Scope], Batches]


@dataclass(frozen=True)
class Opened:
    """An input with its upstream at hand: its batches by partition, and the deal they came from."""

    batches: BatchesOf
    deal: str | None = None


def shared(upstream: Sequence[Any], counts: Iterable[int]) -> Iterator[Sequence[Any]]:
    """Give each reader its share of upstream results, by how many each reads."""
    start = 0
    for count in counts:
        yield upstream[start : start + count]
        start += count


class Input(Protocol):
    """Where the elements of a stage come from."""

    def open(self, upstream: Sequence[Any]) -> Opened:
        """Return the batches by partition, given what the upstream tasks returned."""


@dataclass(frozen=True)
class SourceInput:
    """Elements of a source."""

    spec: CallSpec[Reader]

    def open(self, upstream: Sequence[Any]) -> Opened:
        """Return the batches by partition."""
        return Opened(lambda scope: self.spec.operator.read(scope.call(self.spec)))


@dataclass(frozen=True)
class LoadInput:
    """Elements that a persist committed."""

    name: str
    path: str
    parts: Mapping[int, Part] = field(repr=False)

    def open(self, upstream: Sequence[Any]) -> Opened:
        """Return the batches by partition."""
        return Opened(self._batches)

    def of(self, partitions: Sequence[int]) -> LoadInput:
        """Return the input with no more than some partitions, so that tasks stay small."""
        return LoadInput(
            self.name, self.path, {number: self.parts[number] for number in partitions}
        )

    def _batches(self, scope: Scope) -> Batches:
        return read_elements(
            scope.settings.store,
            self.name,
            self.path,
            self.parts[scope.partition],
            resolver=scope.program.resolve,
            allow_pickle=scope.settings.allow_pickle,
        )


@dataclass(frozen=True)
class BlockInput:
    """Elements that are at hand as encoded blocks: in the upstream's results, or given here."""

    blocks: Mapping[int, Sequence[bytes]] = field(default_factory=dict, repr=False)

    def of(self, partitions: Sequence[int]) -> BlockInput:
        """Return the input with no more than some partitions, so that tasks stay small."""
        return BlockInput({number: self.blocks[number] for number in partitions})

    def open(self, upstream: Sequence[GroupResult]) -> Opened:
        """Return the batches by partition."""
        blocks = dict(self.blocks)
        notes: dict[int, Notes] = {}
        for result in upstream:
            blocks.update(result.results)
            notes.update(result.notes)

        def batches(scope: Scope) -> Batches:
            if scope.partition in notes:
                scope.notes.add(notes[scope.partition])
            for block in blocks[scope.partition]:
                yield from decode_block(block, scope.program.resolve)

        return Opened(batches, common_deal(result.deal for result in upstream))


@dataclass(frozen=True)
class Branch:
    """One input: where it begins, the steps on the way, and how many upstream results it reads.

    Its partitions are those of some numbers: of so many, with so many `before` them.
    """

    input: Input
    steps: tuple[CallSpec[Step], ...]
    count: int
    before: int
    parallelism: int

    def of(self, partition: int) -> int | None:
        """Return the number that a partition has there, if it is one of its own."""
        number = partition - self.before
        return number if 0 <= number < self.parallelism else None


@dataclass(frozen=True)
class DealInput:
    """What is not read, of which it counts what deal it comes from."""

    def open(self, upstream: Sequence[str | None]) -> Opened:
        """Return the deal."""
        return Opened(_no_batches, common_deal(upstream))


def deal_of_input(input: Input, *upstream: Any) -> str | None:
    """Return the deal that an input comes from: what a task does for those that do not read it."""
    return input.open(upstream).deal


def _no_batches(scope: Scope) -> Batches:
    raise AssertionError(f"partition {scope.partition} is read, and is not at hand")


@dataclass(frozen=True)
class ZipInput:
    """Elements of several inputs, put together by a zipper."""

    spec: CallSpec[Zipper]
    branches: tuple[Branch, ...]

    def open(self, upstream: Sequence[Any]) -> Opened:
        """Return the batches by partition, each branch given its share of the upstream results."""
        shares = shared(upstream, [branch.count for branch in self.branches])
        opened = [
            branch.input.open(results)
            for branch, results in zip(self.branches, shares, strict=True)
        ]
        deals = [made.deal for made in opened]
        deal = hashlib.sha256(repr(deals).encode()).hexdigest() if any(deals) else None

        def notes(scope: Scope) -> Notes:
            return scope.notes.within() if BEFORE in self.spec.params else scope.notes

        def batches(scope: Scope) -> Batches:
            seen = [branch.of(scope.partition) for branch in self.branches]
            scopes = [
                None if number is None else replace(scope, partition=number, notes=notes(scope))
                for number in seen
            ]
            streams = [
                through(made.batches(own), branch.steps, own)
                for made, branch, own in zip(opened, self.branches, scopes, strict=True)
                if own is not None
            ]
            with Closing(*(stream.close for stream in reversed(streams))):
                yield from self.spec.operator.put(streams, scope.call(self.spec))

        return Opened(batches, deal)


@dataclass(frozen=True)
class SideInput:
    """A side input of one operator of a stage, whose partitions have so many of the stage's `before` them."""

    key: str
    name: str
    input: LoadInput | BlockInput
    parallelism: int
    count: int
    before: int = 0


@dataclass(frozen=True)
class OpenedSides:
    """Side inputs with their upstream at hand."""

    opened: Sequence[tuple[SideInput, Opened]]

    def deal_with(self, main: str | None) -> str | None:
        """Return the deal that a stage is computed from, its side inputs taken into account."""
        # By their order, which is the program's: keys count what else a process has made.
        deals = [
            (number, side.name, opened.deal)
            for number, (side, opened) in enumerate(self.opened)
            if opened.deal
        ]
        if not deals:
            return main
        return hashlib.sha256(repr((main, deals)).encode()).hexdigest()

    def seen_from(self, scope: Scope) -> Scope:
        """Return the scope with the partitions that belong to its own."""
        if not self.opened:
            return scope
        sides: dict[str, dict[str, DataPartition[Any]]] = {}
        for side, opened in self.opened:
            number = 0 if side.parallelism == 1 else scope.partition - side.before
            # What was noted of it is not noted of what sees it, which depends on all of it.
            batches = partial(opened.batches, replace(scope, partition=number, notes=Notes()))
            sides.setdefault(side.key, {})[side.name] = DataPartition(number, batches)
        return replace(scope, sides=sides)


def opened_sides(sides: Sequence[SideInput], upstream: Sequence[Any]) -> OpenedSides:
    """Open side inputs, each with its share of the upstream results."""
    opened = list[tuple[SideInput, Opened]]()
    for side, results in zip(sides, shared(upstream, [s.count for s in sides]), strict=True):
        found = side.input.open(results)
        if side.parallelism == 1 and isinstance(side.input, BlockInput):
            found = replace(found, deal=_deal_of_all(found.deal, results))
        opened.append((side, found))
    return OpenedSides(opened)


def _deal_of_all(deal: str | None, results: Sequence[GroupResult]) -> str:
    """Return the deal of a cache that all partitions see: if it is computed again, it may hold something else."""
    hasher = hashlib.sha256(f"deal of {deal};".encode())
    for result in results:
        for block in result.results[0]:
            hasher.update(f"{len(block)};".encode())
            hasher.update(block)
    return hasher.hexdigest()
