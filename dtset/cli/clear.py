"""``dtset clear``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from dtset.cli.options import configured_store, store_option

if TYPE_CHECKING:
    from dtset.storage.objects import ObjectStore


@dataclass(frozen=True)
class _Plan:
    """What is to be deleted of a job: some TSets, or (None) all of it."""

    job_id: str
    versions: Sequence[str] | None
    lines: Sequence[str]


@click.command()
@click.argument("job_ids", metavar="JOB_ID...", nargs=-1, required=True)
@click.option("--tset", metavar="NAME", help="Only the persisted TSets of this name.")
@click.option("--delete", is_flag=True, help="Delete; without it, only say what would be deleted.")
@store_option
def clear(job_ids: tuple[str, ...], tset: str | None, delete: bool, store: str | None) -> None:
    """Delete jobs, or persisted TSets of theirs, from the store.

    A running job is never touched; if one of several is running, none is.
    """
    opened = configured_store(store)
    plans = [_planned(opened, job_id, tset) for job_id in dict.fromkeys(job_ids)]
    for plan in plans:
        if delete:
            # It may have been started since the others were looked at.
            _check_at_rest(opened, plan.job_id)
            _carry_out(opened, plan)
        for line in plan.lines:
            click.echo(f"{'Deleted' if delete else 'Would delete'} {line}")
    if not delete:
        click.echo("Nothing was deleted: add --delete to do so")


def _planned(store: ObjectStore, job_id: str, tset: str | None) -> _Plan:
    from dtset.checkpoint.job import read_job
    from dtset.checkpoint.layout import tset_path
    from dtset.cli.stored import read_content
    from dtset.diagnostics.amounts import bytes_text
    from dtset.errors import ConfigurationError

    # Only what has a job's record is a job: the store may be a folder with other things in it.
    read_job(store, job_id)
    _check_at_rest(store, job_id)
    entries = store.list(job_id)
    if tset is None:
        total = bytes_text(sum(entry.size for entry in entries))
        return _Plan(job_id, None, [f"job {job_id}: {total} in {len(entries)} objects"])
    content = read_content(store, job_id, names=True)
    chosen = [each for each in content.persisted if tset in content.names_of(each)]
    begun = [each for each in content.unfinished if tset in content.names_of(each)]
    if not chosen and not begun:
        known = (name for each in content.persisted for name in content.names_of(each))
        names = ", ".join(dict.fromkeys(known)) or "none at all"
        raise ConfigurationError(
            f"job {job_id} has no persisted TSet named {tset!r}; it has: {names}"
        )
    lines = [
        f"TSet {tset!r} of job {job_id}, accepted or begun: {bytes_text(each.nbytes)}"
        for each in begun
    ]
    for each in chosen:
        folder = f"{tset_path(job_id, each.version)}/"
        sizes = [entry.size for entry in entries if entry.path.startswith(folder)]
        others = " and ".join(repr(name) for name in content.names_of(each) if name != tset)
        also = f", which is {others} too" if others else ""
        lines.append(
            f"TSet {tset!r} of job {job_id}: {each.partitions} partitions, {each.rows:,} rows, "
            f"{bytes_text(sum(sizes))} in {len(sizes)} objects{also}"
        )
    return _Plan(
        job_id,
        [*(each.version for each in begun), *(each.version for each in chosen)],
        lines,
    )


def _check_at_rest(store: ObjectStore, job_id: str) -> None:
    from dtset.checkpoint.runs import read_runs
    from dtset.errors import JobRunningError
    from dtset.settings import seconds

    for run in read_runs(store, job_id, seconds("heartbeat.timeout"), ended=False):
        if run.state == "running":
            raise JobRunningError(
                f"job {job_id} is running, as process {run.pid} on {run.host}, and was left as it is: "
                "wait for it, or stop it"
            )


def _carry_out(store: ObjectStore, plan: _Plan) -> None:
    """Delete records before what they speak of, and the job's own last, so that a rest can be cleared again."""
    from dtset.checkpoint.layout import job_path
    from dtset.checkpoint.manifest import delete_tset, versions

    if plan.versions is not None:
        for version in plan.versions:
            delete_tset(store, plan.job_id, version)
        return
    for version in versions(store, plan.job_id):
        delete_tset(store, plan.job_id, version)
    for folder in store.folders(plan.job_id):
        store.delete(f"{plan.job_id}/{folder}")
    store.delete(job_path(plan.job_id))
    store.delete(plan.job_id)
