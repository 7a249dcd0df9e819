"""``dtset submit``."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dtset.cli.options import cluster_options, configured_store, store_option

if TYPE_CHECKING:
    from dtset.storage.objects import ObjectStore

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
    from dtset.checkpoint.job import Program
    from dtset.checkpoint.layout import check_job_id
    from dtset.cli.launch import Launch, run
    from dtset.process import default_name, job_id_of

    path = script.resolve()
    folder = os.getcwd()
    name = name or default_name(Program(str(path), args, folder))
    given = job_id if job_id is not None else os.environ.get("DTSET_JOB_ID") or None
    checked = check_job_id(job_id_of(name, str(uuid.uuid4())) if given is None else given)
    launch = Launch(
        job_id=checked,
        name=name,
        script=str(path),
        arguments=args,
        folder=folder,
        store=_checked_store(store, checked),
        twister2=twister2,
        cluster=cluster,
        workers=workers,
    )
    ctx.exit(run(launch))


def _checked_store(url: str | None, job_id: str) -> str | None:
    """Store that was given, if it serves the job."""
    from dtset.storage.local_store import local_path

    if url is None:
        _check_configured_store(job_id)
        return None
    _check(configured_store(url, create=True), job_id)
    return local_path(url) or url


def _check(store: ObjectStore, job_id: str) -> None:
    """Raise StoreError unless a store can be written to, or may only be read and has the job."""
    from dtset.checkpoint.job import find_job
    from dtset.errors import ReadOnlyStoreError
    from dtset.storage.objects import check_writable

    try:
        check_writable(store)
    except ReadOnlyStoreError:
        if find_job(store, job_id) is None:
            raise


def _check_configured_store(job_id: str) -> None:
    """Raise StoreError if the configured store does not serve the job; the script may name its own, so none is made."""
    from dtset.errors import StoreError
    from dtset.settings import setting
    from dtset.storage.local_store import local_path

    path = local_path(setting("store"))
    if path is None or os.path.exists(path):
        _check(configured_store(None), job_id)
        return
    above = Path(path).absolute()
    while not above.exists():
        above = above.parent
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise StoreError(
            f"the store {path} cannot be made: {above} is no folder that can be written to. "
            "Set dtset.store, or give --store URL"
        )
