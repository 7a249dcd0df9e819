"""What user functions derive from, and are passed."""

from __future__ import annotations

from dtset.plan.context import TSetContext
from dtset.plan.source_func import SourceFunc

__all__ = ["SourceFunc", "TSetContext"]
