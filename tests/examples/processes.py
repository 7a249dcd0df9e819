"""Running examples as users run them: as processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.programs import ENVIRONMENT

__all__ = ["ROOT", "run"]

ROOT = Path(__file__).parents[2]


def run(*command: str, store: Path, **environment: str) -> str:
    """Run Python with arguments; return its stdout."""
    done = subprocess.run(
        [sys.executable, *command],
        env={**ENVIRONMENT, "DASK_DTSET__STORE": str(store), **environment},
        cwd=store.parent,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
