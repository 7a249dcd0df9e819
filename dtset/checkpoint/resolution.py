"""What the store has of a persisted TSet: all of it, some partitions, or what counts for it by the user's word."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

from dtset.checkpoint.layout import accepted_path, generation_path, is_fingerprint, tset_path
from dtset.checkpoint.manifest import Manifest, find_manifest
from dtset.checkpoint.part import Part, read_parts
from dtset.checkpoint.placed import find_placed, placed
from dtset.errors import CorruptCheckpointError
from dtset.fingerprint.difference import CODE_CHANGED
from dtset.storage.objects import ObjectStore

FingerprintOf: TypeAlias = Callable[[str, str], str | None]


@dataclass(frozen=True)
class Hit:
    """All of it is there: made by the present program, or accepted for the `fingerprint` that was looked for."""

    manifest: Manifest
    fingerprint: str
    accepted: bool = False


@dataclass(frozen=True)
class Miss:
    """Some or no partitions are there; `classes` says what has become of classes of stored elements since."""

    fingerprint: str
    parts: Mapping[int, Part]
    classes: Sequence[str] = ()


Resolution: TypeAlias = Hit | Miss


def resolve(
    store: ObjectStore,
    job_id: str,
    fingerprint: str,
    generation: str | None,
    class_fingerprint_of: FingerprintOf,
) -> Resolution:
    """Look up a persisted TSet.

    The `generation` is that whose parts may be reused; None where an exchange decides that at run time. A hit whose elements
    are of classes that have changed since is a miss, stored under a fingerprint of its own, so that reverting the change hits again.
    """
    # The present code of classes that the fingerprint stands for already.
    known: dict[str, str | None] = {}
    changed: tuple[str, ...] = ()
    while True:
        manifest = find_manifest(store, job_id, fingerprint)
        accepted = None if manifest is not None else find_accepted(store, job_id, fingerprint)
        found = manifest or accepted
        parts = {} if found is not None else _parts(store, job_id, fingerprint, generation)
        classes = dict(found.classes) if found is not None else _classes(parts)
        present = {name: class_fingerprint_of(*name.split(":", 1)) for name in classes}
        if present == classes or (accepted is not None and present.items() <= known.items()):
            if found is not None:
                return Hit(found, fingerprint, accepted is not None)
            return Miss(fingerprint, {} if generation is None else parts[generation], changed)
        changed = tuple(
            _said(name, present[name]) for name in sorted(classes) if present[name] != classes[name]
        )
        fingerprint, known = _with_classes(fingerprint, present), present


def _parts(
    store: ObjectStore, job_id: str, fingerprint: str, generation: str | None
) -> dict[str, dict[int, Part]]:
    """Committed partitions, by generation: of one, or of all where it is not known yet which."""
    if generation is not None:
        generations: Iterable[str] = (generation,)
    else:
        generations = store.folders(tset_path(job_id, fingerprint))
    return {
        each: read_parts(store, generation_path(job_id, fingerprint, each)) for each in generations
    }


def _classes(parts: Mapping[str, Mapping[int, Part]]) -> dict[str, str]:
    return {
        name: each
        for committed in parts.values()
        for part in committed.values()
        for name, each in part.classes.items()
    }


def _said(name: str, present: str | None) -> str:
    shown = f"class {name.replace(':', '.')}"
    return f"{shown}: {CODE_CHANGED}" if present else f"{shown} is not in this program"


def _with_classes(fingerprint: str, classes: Mapping[str, str | None]) -> str:
    hasher = hashlib.sha256(f"classes;{fingerprint};".encode())
    for name, each in sorted(classes.items()):
        hasher.update(f"{name}={each};".encode())
    return hasher.hexdigest()


@dataclass(frozen=True)
class Acceptance:
    """A user's word: that what lies under the fingerprint `data` counts, although the program differs in `why`."""

    job: str
    fingerprint: str
    name: str
    data: str
    why: str
    by: str
    created: float


def accept(
    store: ObjectStore, job_id: str, fingerprint: str, data: str, *, name: str, why: str, by: str
) -> Acceptance:
    """Record that data count for another fingerprint than their own, from now on."""
    acceptance = Acceptance(job_id, fingerprint, name, data, why, by, time.time())
    path = accepted_path(job_id, fingerprint)
    store.put(path, placed(path, asdict(acceptance)), durable=True)
    return acceptance


def read_acceptance(store: ObjectStore, job_id: str, fingerprint: str) -> Acceptance | None:
    """Read the user's word for a TSet; None if there is none, or a torn one. One that is not of its path is an error."""
    path = accepted_path(job_id, fingerprint)
    record = find_placed(
        store,
        path,
        said=f"what was accepted for job {job_id}, TSet {fingerprint[:12]}",
        way_out="remove it",
    )
    if record is None:
        return None
    if set(record) != set(Acceptance.__dataclass_fields__) or not is_fingerprint(record["data"]):
        raise CorruptCheckpointError(
            f"{store.url}/{path}: expected what was accepted, found other fields: {sorted(record)}. Remove it, and accept again"
        )
    return Acceptance(**record)


def find_accepted(store: ObjectStore, job_id: str, fingerprint: str) -> Manifest | None:
    """Find the data that the user accepted for a TSet, if they are still there."""
    acceptance = read_acceptance(store, job_id, fingerprint)
    return None if acceptance is None else find_manifest(store, job_id, acceptance.data)
