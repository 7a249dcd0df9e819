"""What dtset says of itself in the log, and how that is shown on the console of a script that the command line started."""

from __future__ import annotations

import logging
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from dtset.checkpoint.explain import Missed
from dtset.checkpoint.manifest import Manifest
from dtset.diagnostics.amounts import bytes_text, printable


def environment_lines(
    name: str, job_id: str, kind: str, store: str, dashboard: str | None
) -> dict[str, str]:
    """What an environment is, by what people call it."""
    runtime = (
        f"{platform.python_implementation()} {platform.python_version()}, dask {version('dask')}"
    )
    lines = {
        "Job name": name,
        "Job ID": job_id,
        "Cluster type": kind,
        "Runtime": runtime,
        "Store": store,
    }
    return lines if dashboard is None else {**lines, "Dashboard": dashboard}


def banner(lines: Mapping[str, str], job_id: str, *, checkpointing: bool, has_id: bool) -> str:
    """What is said when an environment is up."""
    said = [f"{key:<12} : {value}" for key, value in lines.items()]
    if not checkpointing:
        said.append("Checkpointing is off: nothing will be found again.")
    elif not has_id:
        said.append(
            "No job ID was given: a new start will find nothing of this one. To have it found again, add "
            f"job_id={job_id!r} to TSetEnvironment(…)"
        )
    return "\n".join(said)


def miss_line(missed: Missed, why: str) -> str:
    """Say that a TSet that the job knows is computed, and why."""
    there = f", {missed.found} of {missed.partitions} partitions found" if missed.found else ""
    return printable(f"persisting {missed.name}{there}: {why}")


def persist_line(manifest: Manifest, hit: bool | int, seconds: float) -> str:
    """What became of a persist."""
    if hit is True or hit == manifest.partitions:
        found = "found"
    elif hit:
        found = f"computed, {hit} of {manifest.partitions} partitions found"
    else:
        found = "computed"
    return (
        f"persisted {printable(manifest.name)}: {found}, {manifest.partitions} partitions, {manifest.rows} rows, "
        f"{bytes_text(manifest.nbytes)}, {seconds:.3f} s"
    )


class _Console(logging.Handler):
    """Writes to what is ``sys.stdout`` at the moment, and warnings to ``sys.stderr``."""

    def emit(self, record: logging.LogRecord) -> None:
        # Resolved now: pytest, contextlib and notebooks put other streams in the place of the first.
        stream = sys.stderr if record.levelno >= logging.WARNING else sys.stdout
        try:
            stream.write(f"{self.format(record)}\n")
            stream.flush()
        except Exception:
            self.handleError(record)


def attach_console(submitted: Mapping[str, Any]) -> None:
    """Show the banner, and what becomes of each persist, if the command line asked for it; else nothing is changed."""
    logger = logging.getLogger("dtset")
    if not submitted.get("banner") or any(isinstance(each, _Console) for each in logger.handlers):
        return
    handler = _Console()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    # A level that the script has set is its own decision.
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
