"""The targets of an exchange: what map tasks sent is split by groups of targets, and each target merges its share.

What is moved, and what becomes of it, is the mover's to say (`dtset.operators`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from dtset.errors import EmptyTSetError
from dtset.exchange.deal import Piece, Sent, common_deal, deal_of
from dtset.execution.exchange.stretches import Held, read_blocks
from dtset.execution.inputs import Opened
from dtset.execution.stage import GroupResult, Scope, place_of
from dtset.operators.call import CallSpec
from dtset.operators.kernels.batching import Batches
from dtset.operators.operator import Mover
from dtset.storage.blocks import decode_block


@dataclass(frozen=True)
class ReceiveInput:
    """Elements that were sent to a partition from each of some `sides`.

    They are dealt if it depends on what was sent which elements a partition holds. What is not the last is sent
    again, on the way up a tree.
    """

    spec: CallSpec[Mover]
    sides: int
    is_dealt: bool
    is_last: bool = True

    def open(self, upstream: Sequence[Piece | GroupResult]) -> Opened:
        """Return the batches by partition, given pieces, or the results of whole map tasks."""
        pieces = [made if isinstance(made, Piece) else split_group(made) for made in upstream]

        def batches(scope: Scope) -> Batches:
            for piece in pieces:
                scope.notes.skipped.update(piece.skipped.get(scope.partition, {}))
            streams = [self._stream(pieces, side, scope) for side in range(self.sides)]
            received = self.spec.operator.receive(streams, scope.call(self.spec))
            if not self.is_last or self.spec.operator.of_nothing is None:
                return received
            return self._checked(received, scope)

        deal = deal_of(pieces) if self.is_dealt else common_deal(piece.deal for piece in pieces)
        return Opened(batches, deal)

    def _stream(self, pieces: Sequence[Piece], side: int, scope: Scope) -> Batches:
        """What was sent to a partition from one side, in the order of the partitions it came from."""
        shares = (
            share
            for piece in pieces
            if piece.side == side
            for share in piece.blocks.get(scope.partition, ())
        )
        for _, blocks in sorted(shares, key=lambda share: share[0]):
            for held in blocks:
                for block in read_blocks(scope.settings.store, held):
                    yield from decode_block(block, scope.program.resolve)

    def _checked(self, received: Batches, scope: Scope) -> Batches:
        """Raise what the mover says of nothing where nothing was sent."""
        is_empty = True
        for batch in received:
            is_empty = False
            yield batch
        if is_empty:
            place = place_of(self.spec, scope.partition)
            raise place.noted(EmptyTSetError(self.spec.operator.of_nothing or ""))


def split_group(result: GroupResult, targets: Collection[int] | None = None) -> Piece:
    """Take from a map side's result what a group of targets, or whichever there are, needs."""
    sending: Mapping[int, Sent] = result.results
    blocks: dict[int, list[tuple[int, Sequence[Held]]]] = {}
    for partition, made in sending.items():
        for target, encoded in made.blocks.items():
            if targets is None or target in targets:
                blocks.setdefault(target, []).append((partition, encoded))
    digests = {partition: made.digest for partition, made in sending.items()}
    skipped: dict[int, dict[str, int]] = {}
    for made in sending.values():
        for target, counts in made.skipped.items():
            skipped.setdefault(target, {}).update(counts)
    return Piece(next(iter(sending.values())).side, digests, blocks, result.deal, skipped)
