"""Partitions of the same number of several inputs, read in one task."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dtset.execution.inputs import Input, Opened
from dtset.execution.stage import Scope
from dtset.execution.steps import through
from dtset.operators.call import CallSpec
from dtset.operators.kernels.batching import Batches
from dtset.operators.kernels.failure import close_all
from dtset.operators.operator import Step, Zipper

__all__ = ["Branch", "ZipInput"]


@dataclass(frozen=True)
class Branch:
    """One input: where it begins, the steps on the way, and how many upstream results it reads."""

    input: Input
    steps: tuple[CallSpec[Step], ...]
    count: int


@dataclass(frozen=True)
class ZipInput:
    """Elements of several inputs, put together by a zipper."""

    spec: CallSpec[Zipper]
    branches: tuple[Branch, ...]

    def open(self, upstream: Sequence[Any]) -> Opened:
        """Return the batches by partition, each branch given its share of the upstream results."""
        opened, start = list[Opened](), 0
        for branch in self.branches:
            opened.append(branch.input.open(upstream[start : start + branch.count]))
            start += branch.count
        deals = [made.deal for made in opened]
        deal = hashlib.sha256(repr(deals).encode()).hexdigest() if any(deals) else None

        def batches(scope: Scope) -> Batches:
            streams = [
                through(made.batches(scope), branch.steps, scope)
                for made, branch in zip(opened, self.branches, strict=True)
            ]
            closings = [stream.close for stream in reversed(streams)]
            try:
                yield from self.spec.operator.put(streams, scope.call(self.spec))
            except BaseException as error:
                close_all(closings, error)
                raise
            close_all(closings)

        return Opened(batches, deal)
