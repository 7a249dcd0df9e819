"""The user's word that older data of a TSet count as the present program's."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

from dtset.checkpoint.layout import accepted_path, fingerprint_of, is_version
from dtset.checkpoint.manifest import Manifest, find_manifest
from dtset.checkpoint.placed import find_placed, placed
from dtset.errors import CorruptCheckpointError
from dtset.storage.objects import ObjectStore


@dataclass(frozen=True)
class Acceptance:
    """A user's word: that what lies under the version `data` counts, although the program differs in `why`."""

    job: str
    version: str
    name: str
    data: str
    why: str
    by: str
    created: float


def accept(
    store: ObjectStore, job_id: str, version: str, data: str, *, name: str, why: str, by: str
) -> Acceptance:
    """Record that data count for another version than their own, from now on."""
    acceptance = Acceptance(job_id, version, name, data, why, by, time.time())
    path = accepted_path(job_id, version)
    store.put(path, placed(path, asdict(acceptance)), durable=True)
    return acceptance


def read_acceptance(store: ObjectStore, job_id: str, version: str) -> Acceptance | None:
    """Read the user's word for a TSet; None if there is none, or a torn one. One that is not of its path is an error."""
    path = accepted_path(job_id, version)
    record = find_placed(
        store,
        path,
        said=f"what was accepted for job {job_id}, TSet {fingerprint_of(version)[:12]}",
        way_out="remove it",
    )
    if record is None:
        return None
    if set(record) != set(Acceptance.__dataclass_fields__) or not is_version(record["data"]):
        raise CorruptCheckpointError(
            f"{store.url}/{path}: expected what was accepted, found other fields: {sorted(record)}. Remove it, and accept again"
        )
    return Acceptance(**record)


def find_accepted(store: ObjectStore, job_id: str, version: str) -> Manifest | None:
    """Find the data that the user accepted for a TSet, if they are still there."""
    acceptance = read_acceptance(store, job_id, version)
    return None if acceptance is None else find_manifest(store, job_id, acceptance.data)
