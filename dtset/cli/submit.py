"""``dtset submit``."""

from __future__ import annotations

import os
import re
import uuid
from pathlib import Path

import click

from dtset.cli.options import cluster_options, configured_store, store_option

__all__ = ["submit"]


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--name", metavar="N", help="Name of the job.  [default: the script's]")
@click.option(
    "--job-id", metavar="ID", help="Resume this job, or create it.  [default: $DTSET_JOB_ID or new]"
)
@store_option
@cluster_options
@click.option("--twister2", is_flag=True, help="Let Twister2's imports resolve to dtset.")
@click.argument("script", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def submit(
    ctx: click.Context,
    name: str | None,
    job_id: str | None,
    store: str | None,
    cluster: str | None,
    workers: int | None,
    twister2: bool,
    script: Path,
    args: tuple[str, ...],
) -> None:
    """Run SCRIPT with ARGS as a job.

    All that follows SCRIPT is its own. The exit status is the script's; if it fails, the line that
    restarts the job is printed.
    """
    from dtset.checkpoint.layout import check_job_id
    from dtset.cli.launch import Launch, run

    path = script.resolve()
    name = name or path.stem
    given = job_id if job_id is not None else os.environ.get("DTSET_JOB_ID") or None
    launch = Launch(
        job_id=check_job_id(_new_job_id(name) if given is None else given),
        name=name,
        script=str(path),
        arguments=args,
        folder=os.getcwd(),
        store=_checked_store(store),
        twister2=twister2,
        cluster=cluster,
        workers=workers,
    )
    ctx.exit(run(launch))


def _checked_store(url: str | None) -> str | None:
    """Store that was given, if it can be written to; the script itself meets one that is configured."""
    from dtset.storage.local_store import local_path
    from dtset.storage.objects import check_writable

    if url is None:
        return None
    check_writable(configured_store(url, create=True))
    return local_path(url) or url


def _new_job_id(name: str) -> str:
    """ID of a job that was given none: its name, with what IDs may hold, and a random part."""
    kept = re.sub(r"[^A-Za-z0-9_.-]", "-", name).replace("..", "-").strip("-.")[:120]
    return f"{kept or 'python-job'}-{uuid.uuid4()}"
