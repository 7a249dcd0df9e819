"""How many examples a property is tried on."""

from __future__ import annotations

from hypothesis import HealthCheck, settings


def examples(usual: int) -> int:
    """Number of examples where the profile in use has another than the usual hundred for all tests."""
    return settings.default.max_examples * usual // 100


def programs_under_edit(usual: int) -> settings:
    """Settings of a machine whose steps edit and run a program: few examples of many steps."""
    return settings(
        max_examples=examples(usual),
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
