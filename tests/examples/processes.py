"""Running examples as users run them: as processes of their own."""

from __future__ import annotations

from pathlib import Path

from tests.forks import run_python
from tests.programs import ENVIRONMENT

__all__ = ["ROOT", "run"]

ROOT = Path(__file__).parents[2]


def run(*command: str, store: Path, **environment: str) -> str:
    """Run Python with arguments; return its stdout."""
    variables = {**ENVIRONMENT, "DASK_DTSET__STORE": str(store), **environment}
    done = run_python(list(command), store.parent, variables, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout
