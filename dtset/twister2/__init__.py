"""Twister2's programs, unmodified: the folder ``shim`` has modules of its names, for what dtset defines elsewhere."""

from __future__ import annotations

from pathlib import Path

__all__ = ["SHIM"]

SHIM = Path(__file__).resolve().parent / "shim"
