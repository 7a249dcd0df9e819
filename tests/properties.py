"""How many examples a property is tried on."""

from __future__ import annotations

from hypothesis import settings


def examples(usual: int) -> int:
    """Number of examples where the profile in use has another than the usual hundred for all tests."""
    return settings.default.max_examples * usual // 100
