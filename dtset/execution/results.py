"""What a task of a stage returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["GroupResult"]


@dataclass(frozen=True)
class GroupResult:
    """What the partitions of one task gave."""

    results: Mapping[int, Any] = field(repr=False)
    deal: str | None = None
