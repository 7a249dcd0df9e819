"""Side inputs of a stage: stored elements that its functions ask for by name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from dtset.execution.inputs import BlockInput, LoadInput, Opened, shared
from dtset.execution.stage import GroupResult, Scope
from dtset.operators.data_partition import DataPartition


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
            batches = partial(opened.batches, replace(scope, partition=number))
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
