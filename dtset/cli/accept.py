"""``dtset accept``."""

from __future__ import annotations

import getpass
import os
import socket
from typing import TYPE_CHECKING, Any

import click

from dtset.cli.options import configured_store, store_option

if TYPE_CHECKING:
    from dtset.checkpoint.manifest import Manifest
    from dtset.storage.objects import ObjectStore

_START = (
    "If the program has been changed since, start it once, and stop it when it says that it computes the TSet: "
    "then it is known what to accept"
)


@click.command()
@click.argument("job_id")
@click.argument("tset")
@store_option
def accept(job_id: str, tset: str, store: str | None) -> None:
    """Take the older data of a persisted TSet for what the present program would make.

    For a change of the program that you know to be harmless. The program is the one that asked for TSET in the
    last run of job JOB_ID and did not find it: start the job, stop it when it says that it computes, and
    accept. Any later change of the program is a miss again. Your word is recorded in the store, and shown
    wherever the data are.
    """
    from dtset.checkpoint.acceptance import accept as record
    from dtset.checkpoint.job import read_job
    from dtset.cli.explain import last_run
    from dtset.diagnostics.amounts import bytes_text, moment_text

    opened = configured_store(store)
    read_job(opened, job_id)
    run_id, events = last_run(opened, job_id)
    missed = _missed(job_id, tset, events)
    data, why = _older_data(opened, job_id, missed, str(run_id))
    record(
        opened,
        job_id,
        missed["version"],
        data.version,
        name=tset,
        why=why,
        by=f"{_user()}@{socket.gethostname()}",
    )
    click.echo(
        f"TSet {tset!r} of job {job_id}: what was committed at {moment_text(data.created)} ({data.partitions} partitions, "
        f"{data.rows:,} rows, {bytes_text(data.nbytes)}) counts for the present program, although it differs, first of all in {why}"
    )


def _user() -> str:
    """Name of the user; in containers there may be none for the number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _missed(job_id: str, tset: str, events: list[dict[str, Any]]) -> dict[str, Any]:
    from dtset.errors import ConfigurationError

    named = [event for event in events if event["name"] == tset]
    if not named:
        names = ", ".join(dict.fromkeys(event["name"] for event in events)) or "none at all"
        raise ConfigurationError(
            f"the last run of job {job_id} asked for no persisted TSet named {tset!r}, but for: {names}. {_START}"
        )
    missed = [event for event in named if event["event"] == "miss"]
    if not missed:
        raise ConfigurationError(
            f"the last run of job {job_id} found {tset!r}: there is nothing to accept. {_START}"
        )
    if len({event["version"] for event in missed}) > 1:
        raise ConfigurationError(
            f"the last run of job {job_id} missed {len(missed)} TSets named {tset!r}: give each a name of its own, "
            "persist('…'), and start the program once more"
        )
    if any(event["last"] == "persist" for event in missed):
        raise ConfigurationError(
            f"the last run of job {job_id} has computed {tset!r} anew, as the present program makes it: there is nothing to accept. {_START}"
        )
    return missed[0]


def _older_data(
    store: ObjectStore, job_id: str, missed: dict[str, Any], run_id: str
) -> tuple[Manifest, str]:
    """The data that earlier runs committed for what was missed, by name and place, and in what their program differs."""
    from dtset.checkpoint.acceptance import find_accepted
    from dtset.checkpoint.explain import difference_said, find_lineage
    from dtset.checkpoint.history import History
    from dtset.checkpoint.manifest import find_manifest
    from dtset.errors import ConfigurationError

    if find_manifest(store, job_id, missed["version"]) is not None:
        raise ConfigurationError(
            f"job {job_id} has {missed['name']!r} as the present program makes it: there is nothing to accept"
        )
    wanted = find_lineage(store, job_id, missed["version"])
    for past in History(store, job_id, run_id).named(missed["name"], missed["place"]):
        if past.version == missed["version"]:
            continue
        if past.place != missed["place"] and past.shares_name:
            raise ConfigurationError(
                f"job {job_id} has several TSets named {missed['name']!r}, and none at the place of the one that was missed: "
                "give each a name of its own, persist('…')"
            )
        data = find_manifest(store, job_id, past.version)
        data = data or find_accepted(store, job_id, past.version)
        if data is None:
            continue
        if data.partitions != missed["partitions"]:
            raise ConfigurationError(
                f"the older data of {missed['name']!r} have {data.partitions} partitions, and the present program asks "
                f"for {missed['partitions']}: they cannot stand for each other"
            )
        before = find_lineage(store, job_id, data.version)
        if before is None or wanted is None:
            return data, str(missed["why"])
        return data, difference_said(before, wanted)
    raise ConfigurationError(
        f"job {job_id} has no older data of {missed['name']!r} to accept: {missed['why']}"
    )
