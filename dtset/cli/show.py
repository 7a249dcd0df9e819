"""``dtset show``."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from dtset.cli.options import configured_store, json_option, store_option

if TYPE_CHECKING:
    from dtset.checkpoint.job import Job
    from dtset.cli.stored import JobContent


@click.command()
@click.argument("job_id")
@store_option
@json_option
def show(job_id: str, store: str | None, as_json: bool) -> None:
    """Show the persisted TSets of job JOB_ID.

    What each is made by, how large it is, how long it took to compute, and whether the job's last run
    found it (hit), had to compute it (miss), or did not ask for it (-).
    """
    from dtset.checkpoint.job import read_job
    from dtset.cli.explain import last_run
    from dtset.cli.options import print_json
    from dtset.cli.stored import read_content

    opened = configured_store(store)
    job = read_job(opened, job_id)
    content = read_content(opened, job_id, names=True)
    # A run that computes a TSet and asks for it again has not found it.
    asked = [event for event in last_run(opened, job_id)[1] if "hit" in event]
    found = {event["version"]: event["hit"] for event in reversed(asked)}
    if as_json:
        print_json(_as_json(job, content, found))
    else:
        _print(job, content, found)


def _as_json(job: Job, content: JobContent, found: Any) -> dict[str, Any]:
    from dtset.checkpoint.layout import fingerprint_of
    from dtset.cli.options import timestamp

    return {
        "id": job.job_id,
        "name": job.name,
        "state": content.state,
        "started": timestamp(content.started),
        "script": content.runs[-1].program.script if content.runs else None,
        "command": content.runs[-1].program.command if content.runs else None,
        "parallelism": job.parallelism,
        "persisted": [
            {
                "name": content.names_of(each)[0],
                "names": list(content.names_of(each)),
                "fingerprint": fingerprint_of(each.version),
                "operators": list(each.operators),
                "partitions": each.partitions,
                "rows": each.rows,
                "skipped": each.skipped,
                "bytes": each.nbytes,
                "seconds": each.seconds,
                "created": timestamp(each.created),
                "hit": found.get(each.version),
            }
            for each in content.persisted
        ],
        "unfinished": [
            {
                "name": each.name,
                "fingerprint": fingerprint_of(each.version),
                "partitions": each.partitions,
                "bytes": each.nbytes,
            }
            for each in content.unfinished
            if each.accepted is None
        ],
        "accepted": [
            {"name": each.name, **asdict(each.accepted)}
            for each in content.unfinished
            if each.accepted is not None
        ],
    }


def _print(job: Job, content: JobContent, found: Any) -> None:
    from dtset.checkpoint.layout import fingerprint_of
    from dtset.cli.options import print_table
    from dtset.diagnostics.amounts import bytes_text, moment_text, printable, seconds_text

    click.echo(f"Job {job.job_id}: {content.state}")
    if content.runs:
        last = content.runs[-1]
        what = f", {shlex.join(['python', *last.program.command])}" if last.program.command else ""
        click.echo(f"Last run started {moment_text(last.started)}{what}")
    if content.persisted:
        click.echo()
        columns = {
            "name": "left",
            "operators": "left",
            "partitions": "right",
            "rows": "right",
            "size": "right",
            "seconds": "right",
            "last run": "whole",
        }
        rows = [
            (
                ", ".join(content.names_of(each)),
                " → ".join(each.operators),
                str(each.partitions),
                f"{each.rows:,}" + (f" ({each.skipped:,} skipped)" if each.skipped else ""),
                bytes_text(each.nbytes),
                seconds_text(each.seconds),
                _hit_text(found.get(each.version), each.partitions),
            )
            for each in content.persisted
        ]
        print_table(columns, rows)
    else:
        click.echo("No persisted TSets")
    for begun in content.unfinished:
        name = f"TSet {printable(begun.name or '') or fingerprint_of(begun.version)[:12]}"
        if begun.accepted is not None:
            said = (
                f"Accepted: for {name}, by {begun.accepted.by} at {moment_text(begun.accepted.created)}, the data made "
                f"before the change of {begun.accepted.why}"
            )
            click.echo(printable(said))
            continue
        click.echo(
            f"Begun and not finished: {name}, {begun.partitions} partitions committed, "
            f"{bytes_text(begun.nbytes)}; a restart computes the others"
        )


def _hit_text(hit: bool | int | None, partitions: int) -> str:
    if hit is None:
        return "-"
    if hit is True:
        return "hit"
    return f"{hit} of {partitions} found" if hit else "miss"
