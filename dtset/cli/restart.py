"""``dtset restart``."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dtset.cli.options import cluster_options, configured_store, store_option
from dtset.errors import CorruptCheckpointError, UsageError

if TYPE_CHECKING:
    from dtset.cli.launch import Launch
    from dtset.storage.objects import ObjectStore


@click.command()
@click.argument("job_id")
@click.option(
    "--as-submitted",
    is_flag=True,
    help="Run the copy of the script that the job saved, although it was changed since. What the script imports "
    "is as it is now; of a module or package, run with -m, no copy is saved.",
)
@click.option(
    "--keep-variables/--reset-variables",
    "keep_variables",
    default=None,
    help="What to do with driver state that a changed program committed.",
)
@store_option
@cluster_options
@click.pass_context
def restart(
    ctx: click.Context,
    job_id: str,
    as_submitted: bool,
    keep_variables: bool | None,
    store: str | None,
    cluster: str | None,
    workers: int | None,
) -> None:
    """Run the program of job JOB_ID again, as it was last run.

    By the same command (options of Python, a profiler and the like included), in the same folder, with the same
    number of partitions. What the job has persisted is not computed again, unless what makes it was changed. The
    exit status is the program's.
    """
    from dtset.checkpoint.job import read_job
    from dtset.checkpoint.runs import read_runs
    from dtset.cli.launch import Launch, run
    from dtset.settings import seconds, setting
    from dtset.storage.local_store import local_path

    opened = configured_store(store)
    job = read_job(opened, job_id)
    runs = read_runs(opened, job_id, seconds("heartbeat.timeout"))
    if not runs:
        raise UsageError(
            f"job {job_id} has no whole record of a run, which would say what to start: submit its script again, "
            f"with --job-id {job_id}"
        )
    program = runs[-1].program
    if not program.command:
        raise UsageError(
            f"job {job_id} was last run in a notebook or an interactive session, so that there is no script to start: "
            f"open it again, and make the environment as TSetEnvironment(job_id={job_id!r}, store={opened.url!r})"
        )
    if program.withheld:
        raise UsageError(
            f"the arguments that job {job_id} was last run with hold a secret, which is not recorded: submit its "
            f"program again, with --job-id {job_id} and all of them"
        )
    if program.command[0] == "-":
        raise UsageError(
            f"job {job_id} was last run from standard input, which is not kept: save the program as a file, and submit "
            f"that, with --job-id {job_id}"
        )
    if not Path(program.folder).is_dir():
        raise UsageError(
            f"the folder that job {job_id} was last run in is gone: {program.folder}. Make it again, or submit the "
            f"script from another one, with --job-id {job_id}"
        )
    moved = cluster is not None or workers is not None
    url = setting("store") if store is None else store
    launch = Launch(
        job_id=job_id,
        name=job.name,
        program=replace(
            program,
            copy=None,
            cluster=cluster if moved else program.cluster,
            workers=workers if moved else program.workers,
        ),
        # The program runs in its own folder, where a relative path would mean another store.
        store=local_path(url) or url,
        keep_variables=keep_variables,
    )
    copies = [each.program.copy for each in runs if each.program.copy is not None]
    if as_submitted:
        ctx.exit(_run_copy(opened, copies, launch))
    if program.script is not None and not Path(program.script).exists():
        kept = f", or run the copy that the job saved: dtset restart {job_id} --as-submitted"
        raise UsageError(
            f"the script of job {job_id} is gone: {program.script}. Put it back{kept if copies else ''}"
        )
    ctx.exit(run(launch))


def _run_copy(store: ObjectStore, copies: Sequence[str], launch: Launch) -> int:
    from dtset.cli.launch import run
    from dtset.execution.workers.left_folders import folder_prefix

    if launch.program.position is None or not copies:
        raise UsageError(
            f"job {launch.job_id} has no copy of what it ran: copies are kept of scripts that can be read, not of modules "
            "and packages (-m). Put its code back as it was, from version control, and restart without --as-submitted"
        )
    source = _read_copy(store, copies[-1])
    with tempfile.TemporaryDirectory(prefix=folder_prefix()) as folder:
        copy = os.path.join(folder, os.path.basename(copies[-1]))
        Path(copy).write_bytes(source)
        program = replace(launch.program, copy=copies[-1])
        return run(replace(launch, program=program, copy=copy))


def _read_copy(store: ObjectStore, path: str) -> bytes:
    """Read the copy of a script, which lies under the beginning of its digest."""
    try:
        source = store.get(path)
    except FileNotFoundError:
        raise CorruptCheckpointError(
            f"the copy of the script is gone: {store.url}/{path}. Restart without --as-submitted"
        ) from None
    expected, found = path.split("/")[-2], hashlib.sha256(source).hexdigest()
    if not found.startswith(expected):
        raise CorruptCheckpointError(
            f"{store.url}/{path} is not what was saved: expected a digest of {expected}…, found {found[:16]}…. "
            "Restart without --as-submitted"
        )
    return source
