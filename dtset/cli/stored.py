"""What a store holds of a job, gathered for listings without a look at the chunks of what is committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dtset.checkpoint.acceptance import Acceptance
    from dtset.checkpoint.manifest import Manifest
    from dtset.checkpoint.runs import RunRecord
    from dtset.storage.objects import ObjectStore


@dataclass(frozen=True)
class Unfinished:
    """A TSet that some run began to persist and none finished, or for which the user `accepted` other data."""

    version: str
    partitions: int
    nbytes: int
    name: str | None = None
    accepted: Acceptance | None = None


@dataclass(frozen=True)
class JobContent:
    """A job's runs, the oldest first, and its persisted TSets, in the order of their commits."""

    runs: Sequence[RunRecord]
    persisted: Sequence[Manifest]
    unfinished: Sequence[Unfinished]
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def names_of(self, tset: Manifest | Unfinished) -> Sequence[str]:
        """What a TSet is called: by the last run that asked for it, by those before, and by the one that made it."""
        made_as = () if tset.name is None else (tset.name,)
        return tuple(dict.fromkeys((*self.names.get(tset.version, ()), *made_as)))

    @property
    def state(self) -> str:
        """State of the last run, but of one that is alive before that of others."""
        states = [run.state for run in self.runs]
        return "running" if "running" in states else states[-1] if states else "unknown"

    @property
    def started(self) -> float | None:
        """When the last run was started."""
        return self.runs[-1].started if self.runs else None

    @property
    def nbytes(self) -> int:
        """Bytes of what is persisted and of what was begun."""
        committed = sum(each.nbytes for each in self.persisted)
        return committed + sum(each.nbytes for each in self.unfinished)


def job_folders(store: ObjectStore) -> list[str]:
    """Folders of a store that may be jobs."""
    from dtset.checkpoint.layout import check_job_id
    from dtset.errors import ConfigurationError

    found = []
    for name in store.folders(""):
        try:
            found.append(check_job_id(name))
        except ConfigurationError:
            # No name of a job: somebody else's folder.
            continue
    return found


def read_content(store: ObjectStore, job_id: str, *, names: bool = False) -> JobContent:
    """Read what a store holds of a job; with `names`, also what its runs have called its TSets."""
    from dtset.checkpoint.history import History
    from dtset.checkpoint.manifest import find_manifest, versions
    from dtset.checkpoint.runs import read_runs
    from dtset.errors import CorruptCheckpointError
    from dtset.settings import seconds

    runs = read_runs(store, job_id, seconds("heartbeat.timeout"))
    persisted, unfinished = [], []
    for version in versions(store, job_id):
        try:
            manifest = find_manifest(store, job_id, version)
        except CorruptCheckpointError as error:
            # One that is damaged or was moved is no reason to show none.
            click.echo(f"Left out: {error}", err=True)
            continue
        if manifest is not None:
            persisted.append(manifest)
        elif (begun := _unfinished(store, job_id, version)) is not None:
            unfinished.append(begun)
    persisted.sort(key=lambda each: each.created)
    called = History(store, job_id).names() if names else {}
    return JobContent(runs, persisted, unfinished, called)


def _unfinished(store: ObjectStore, job_id: str, version: str) -> Unfinished | None:
    """Look at a TSet without a manifest; None if there is nothing but empty folders."""
    from dtset.checkpoint.acceptance import read_acceptance
    from dtset.checkpoint.explain import find_lineage
    from dtset.checkpoint.layout import tset_path

    entries = store.list(tset_path(job_id, version))
    if not entries:
        return None
    committed = sum("/parts/" in entry.path for entry in entries)
    lineage = find_lineage(store, job_id, version)
    accepted = read_acceptance(store, job_id, version)
    return Unfinished(
        version,
        committed,
        sum(entry.size for entry in entries),
        accepted.name if accepted is not None else None if lineage is None else lineage.name,
        accepted,
    )
