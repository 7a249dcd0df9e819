"""What a task of a stage returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["GroupResult"]


@dataclass(frozen=True)
class GroupResult:
    """What the partitions of one task gave.

    Parameters
    ----------
    results : mapping of int to object
        By partition, what the stage's output made of it.
    deal : str or None
        The deal of the exchange that the partitions were computed from, if there is one above them.
    """

    results: Mapping[int, Any] = field(repr=False)
    deal: str | None = None
