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


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--name", metavar="N", help="Name of the job.  [default: the script's]")
@click.option(
    "--job-id", metavar="ID", help="Resume this job, or create it.  [default: $DTSET_JOB_ID or new]"
)
@store_option
@cluster_options
@click.option("--twister2", is_flag=True, help="Let Twister2's imports resolve to dtset.")
@click.option(
    "-m",
    "is_module",
    is_flag=True,
    help="SCRIPT is the name of a module or package, as for `python -m`.",
)
@click.argument("script")
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
    is_module: bool,
    script: str,
    args: tuple[str, ...],
) -> None:
    """Run SCRIPT, or with -m a module, with ARGS as a job.

    SCRIPT is what Python runs: a file, or a folder or archive with a __main__.py. All that follows it is its own.
    The exit status is the program's; if it fails, the line that restarts the job is printed.
    """
    from dtset.checkpoint.job import Program
    from dtset.checkpoint.layout import check_job_id
    from dtset.cli.launch import Launch, run
    from dtset.session.process import default_name, job_id_of

    path = None if is_module else _checked_script(script)
    name = name or default_name(script.replace(".", os.sep) if path is None else path)
    given = job_id if job_id is not None else os.environ.get("DTSET_JOB_ID") or None
    checked = check_job_id(job_id_of(name, str(uuid.uuid4())) if given is None else given)
    launch = Launch(
        job_id=checked,
        name=name,
        program=Program(
            ("-m", script, *args) if path is None else (path, *args),
            os.getcwd(),
            path,
            twister2=twister2,
            cluster=cluster,
            workers=workers,
        ),
        store=_checked_store(store, checked),
    )
    ctx.exit(run(launch))


def _checked_script(script: str) -> str:
    path = Path(script).absolute()
    if not path.exists() or (path.is_dir() and not (path / "__main__.py").is_file()):
        what = "is a folder without a __main__.py" if path.is_dir() else "does not exist"
        raise click.BadParameter(
            f"{script!r} {what}; to run a module or package by its name, say -m",
            param_hint="'SCRIPT'",
        )
    return str(path)


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
