"""Where the elements of a stage come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from dtset.checkpoint.part import Part, read_elements
from dtset.errors import EmptyTSetError
from dtset.execution.exchange.pieces import Piece, common_deal, deal_of
from dtset.execution.kernels.batching import Batches, batched
from dtset.execution.kernels.reduction import merged, reduced
from dtset.execution.kernels.sources import streaming
from dtset.execution.results import GroupResult
from dtset.execution.stage import Scope, Step
from dtset.execution.steps import place_of
from dtset.storage.batch import rows_of
from dtset.storage.blocks import decode_block

__all__ = ["BlockInput", "Input", "LoadInput", "MergeInput", "Opened", "ReduceInput", "SourceInput"]

_ARITY = 32

BatchesOf: TypeAlias = Callable[[Scope], Batches]


@dataclass(frozen=True)
class Opened:
    """An input with its upstream at hand: its batches by partition, and the deal they came from."""

    batches: BatchesOf
    deal: str | None = None


class Input(Protocol):
    """Where the elements of a stage come from."""

    def open(self, upstream: Sequence[Any]) -> Opened:
        """Return the batches by partition, given what the upstream tasks returned."""


@dataclass(frozen=True)
class SourceInput:
    """Elements of a source."""

    step: Step

    def open(self, upstream: Sequence[Any]) -> Opened:
        """Return the batches by partition."""

        def batches(scope: Scope) -> Batches:
            place = place_of(self.step, scope)
            with place.noting():
                elements = scope.function(self.step).elements(scope.context(self.step))
            return streaming(elements, place, scope.settings.batch_size)

        return Opened(batches)


@dataclass(frozen=True)
class LoadInput:
    """Elements that a persist committed.

    Parameters
    ----------
    name : str
        What messages call the TSet.
    path : str
        Folder of its generation.
    parts : mapping of int to Part
        The partitions that the tasks may ask for.
    """

    name: str
    path: str
    parts: Mapping[int, Part] = field(repr=False)

    def open(self, upstream: Sequence[Any]) -> Opened:
        """Return the batches by partition."""
        return Opened(self._batches)

    def of(self, partitions: Sequence[int]) -> LoadInput:
        """Return the input with no more than some partitions, so that tasks stay small."""
        return LoadInput(self.name, self.path, {each: self.parts[each] for each in partitions})

    def _batches(self, scope: Scope) -> Batches:
        """Batches of one partition."""
        part = self.parts[scope.partition]
        for batch in read_elements(
            scope.settings.store,
            self.name,
            self.path,
            part,
            resolver=scope.program.resolve,
            allow_pickle=scope.settings.allow_pickle,
        ):
            yield batch.rows()


@dataclass(frozen=True)
class BlockInput:
    """Elements that are at hand as encoded blocks: in the upstream's results, or given here."""

    blocks: Mapping[int, Sequence[bytes]] = field(default_factory=dict, repr=False)

    def of(self, partitions: Sequence[int]) -> BlockInput:
        """Return the input with no more than some partitions, so that tasks stay small."""
        return BlockInput({each: self.blocks[each] for each in partitions})

    def open(self, upstream: Sequence[GroupResult]) -> Opened:
        """Return the batches by partition."""
        blocks = dict(self.blocks)
        for result in upstream:
            blocks.update(result.results)

        def batches(scope: Scope) -> Batches:
            for block in blocks[scope.partition]:
                yield list(rows_of(decode_block(block, scope.program.resolve)))

        return Opened(batches, common_deal(result.deal for result in upstream))


@dataclass(frozen=True)
class ReduceInput:
    """The one value that partitions were reduced to."""

    step: Step

    def open(self, upstream: Sequence[GroupResult]) -> Opened:
        """Return the batches by partition, of which there is one."""
        partials = {
            partition: block for result in upstream for partition, block in result.results.items()
        }

        def batches(scope: Scope) -> Batches:
            values = [
                list(rows_of(decode_block(partials[each], scope.program.resolve)))
                for each in sorted(partials)
            ]
            place = place_of(self.step, scope)
            value = reduced(values, scope.function(self.step), place, _ARITY)
            if not value:
                raise place.noted(
                    EmptyTSetError("reduce() of a TSet without elements, which has no value")
                )
            yield value

        return Opened(batches, common_deal(result.deal for result in upstream))


@dataclass(frozen=True)
class MergeInput:
    """Pairs that were sent to their key's partition, reduced by key."""

    step: Step

    def open(self, upstream: Sequence[Piece]) -> Opened:
        """Return the batches by partition."""

        def batches(scope: Scope) -> Batches:
            sent = sorted(
                (source, block)
                for piece in upstream
                for source, block in piece.blocks.get(scope.partition, ())
            )
            blocks: Iterator[list[Any]] = (
                list(rows_of(decode_block(block, scope.program.resolve))) for _, block in sent
            )
            place = place_of(self.step, scope)
            values = merged(blocks, scope.function(self.step), place)
            yield from batched(iter(values.items()), scope.settings.batch_size)

        return Opened(batches, deal_of(upstream))
