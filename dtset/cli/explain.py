"""``dtset explain``."""

from __future__ import annotations

from typing import Any

import click

from dtset.cli.options import configured_store, json_option, store_option


@click.command()
@click.argument("job_id")
@store_option
@json_option
def explain(job_id: str, store: str | None, as_json: bool) -> None:
    """Say why the last run of job JOB_ID computed what it persisted.

    For every TSet that it did not find: the first thing in which the program, its data or its
    surroundings differ from what made the TSet before.
    """
    from dtset.checkpoint.job import read_job
    from dtset.cli.options import print_json
    from dtset.diagnostics.amounts import printable

    opened = configured_store(store)
    read_job(opened, job_id)
    run_id, events = last_run(opened, job_id)
    if as_json:
        print_json({"id": job_id, "run": run_id, "persisted": [_as_json(each) for each in events]})
        return
    if not events:
        click.echo(f"Job {job_id}: its last run has persisted nothing")
    for event in events:
        click.echo(printable(f"{event['name']}: {_said(event)}"))


def last_run(store: Any, job_id: str) -> tuple[str | None, list[dict[str, Any]]]:
    """The last run of a job, and by place what became of each TSet that it asked for."""
    from dtset.checkpoint.runs import read_events

    # IDs of runs sort by when the runs began.
    runs = store.folders(f"{job_id}/runs")
    if not runs:
        return None, []
    found: dict[int, dict[str, Any]] = {}
    for event in read_events(store, job_id, runs[-1]):
        # What a miss says stays: the persist that follows it adds that it was computed.
        found[event["place"]] = {**event, **found.get(event["place"], {}), "last": event["event"]}
    return runs[-1], [found[place] for place in sorted(found)]


def _as_json(event: dict[str, Any]) -> dict[str, Any]:
    from dtset.checkpoint.layout import fingerprint_of

    missed = event["event"] == "miss"
    return {
        "name": event["name"],
        "fingerprint": fingerprint_of(event["version"]),
        "hit": (event["found"] or False) if missed else True,
        "accepted": event.get("accepted", False),
        "computed": missed and event["last"] == "persist",
        "why": event.get("why"),
    }


def _said(event: dict[str, Any]) -> str:
    if event["event"] == "persist":
        return "hit, accepted for the present program" if event.get("accepted") else "hit"
    from dtset.checkpoint.explain import missed_said

    state = missed_said(event["partitions"], event["found"], event["taken"])
    ended = "" if event["last"] == "persist" else " (not finished)"
    return f"{state}{ended}: {event['why']}"
