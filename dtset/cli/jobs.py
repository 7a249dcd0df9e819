"""``dtset jobs``."""

from __future__ import annotations

import click

from dtset.cli.options import configured_store, json_option, store_option


@click.command()
@store_option
@json_option
@click.pass_context
def jobs(ctx: click.Context, store: str | None, as_json: bool) -> None:
    """List the jobs of a store, the one that was started last at the end.

    A job whose records cannot be read is named on stderr; the exit status is 2 then, after the others.
    """
    from dtset.checkpoint.job import find_job
    from dtset.cli.options import print_json, print_table, timestamp
    from dtset.cli.stored import job_folders, read_content
    from dtset.diagnostics.amounts import bytes_text, moment_text
    from dtset.errors import CorruptCheckpointError

    opened = configured_store(store)
    found, unreadable = [], False
    for job_id in job_folders(opened):
        try:
            job = find_job(opened, job_id)
            if job is not None:
                found.append((job, read_content(opened, job_id)))
        except CorruptCheckpointError as error:
            click.echo(f"Error: {error}", err=True)
            unreadable = True
    found.sort(key=lambda each: each[1].started or each[0].created)
    if as_json:
        print_json(
            [
                {
                    "id": job.job_id,
                    "name": job.name,
                    "state": content.state,
                    "started": timestamp(content.started),
                    "persisted": len(content.persisted),
                    "bytes": content.nbytes,
                }
                for job, content in found
            ]
        )
    elif found:
        columns = {
            "ID": "left",
            "name": "left",
            "state": "whole",
            "started": "whole",
            "persisted": "right",
            "size": "right",
        }
        rows = [
            (
                job.job_id,
                job.name,
                content.state,
                "" if content.started is None else moment_text(content.started),
                str(len(content.persisted)),
                bytes_text(content.nbytes),
            )
            for job, content in found
        ]
        print_table(columns, rows)
    else:
        click.echo(f"No jobs in {opened.url}")
    ctx.exit(2 if unreadable else 0)
