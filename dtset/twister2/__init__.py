"""Twister2's programs, unmodified: ``dtset submit --twister2`` lets their imports resolve to dtset.

The folder ``shim`` holds the packages and modules of Twister2's own names. What they give is defined
elsewhere in dtset, so that pickles name modules that every worker has.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["SHIM"]

SHIM = Path(__file__).resolve().parent / "shim"
