"""Side inputs of a stage: stored elements that its functions ask for by name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from dtset.execution.inputs import BlockInput, LoadInput, Opened
from dtset.execution.stage import Scope
from dtset.operators.data_partition import DataPartition


@dataclass(frozen=True)
class SideInput:
    """A side input of one operator of a stage."""

    key: str
    name: str
    input: LoadInput | BlockInput
    parallelism: int
    count: int


@dataclass(frozen=True)
class OpenedSides:
    """Side inputs with their upstream at hand."""

    opened: Sequence[tuple[SideInput, Opened]]

    def deal_with(self, main: str | None) -> str | None:
        """Return the deal that a stage is computed from, its side inputs taken into account."""
        deals = [(side.key, side.name, opened.deal) for side, opened in self.opened if opened.deal]
        if not deals:
            return main
        return hashlib.sha256(repr((main, deals)).encode()).hexdigest()

    def seen_from(self, scope: Scope) -> Scope:
        """Return the scope with the partitions that belong to its own."""
        sides: dict[str, dict[str, DataPartition[Any]]] = {}
        for side, opened in self.opened:
            number = 0 if side.parallelism == 1 else scope.partition
            batches = partial(opened.batches, replace(scope, partition=number))
            sides.setdefault(side.key, {})[side.name] = DataPartition(number, batches)
        return replace(scope, sides=sides)


def opened_sides(sides: Sequence[SideInput], upstream: Sequence[Any]) -> OpenedSides:
    """Open side inputs, each with its share of the upstream results."""
    opened, start = list[tuple[SideInput, Opened]](), 0
    for side in sides:
        opened.append((side, side.input.open(upstream[start : start + side.count])))
        start += side.count
    return OpenedSides(opened)
