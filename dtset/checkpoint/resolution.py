"""What the store has of a persisted TSet: all of it, some partitions, or what counts for it by the user's word."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from dtset.checkpoint.acceptance import find_accepted
from dtset.checkpoint.earlier import Earlier
from dtset.checkpoint.layout import generation_path, tset_path, version_of
from dtset.checkpoint.manifest import Manifest, find_manifest
from dtset.checkpoint.part import Part, read_parts
from dtset.checkpoint.present_classes import FingerprintOf
from dtset.fingerprint.difference import CODE_CHANGED
from dtset.storage.objects import ObjectStore


@dataclass(frozen=True)
class Hit:
    """All of it is there: made by the present program, or accepted for the `version` that was looked for."""

    manifest: Manifest
    version: str
    accepted: bool = False


@dataclass(frozen=True)
class Miss:
    """Some or no partitions are there; `classes` says what has become of classes of stored elements since.

    Others are partitions of `earlier` versions.
    """

    version: str
    parts: Mapping[int, Part]
    classes: Sequence[str] = ()
    earlier: Earlier = field(default_factory=Earlier)


Resolution: TypeAlias = Hit | Miss


def resolve(
    store: ObjectStore,
    job_id: str,
    version: str,
    generation: str | None,
    class_fingerprint_of: FingerprintOf,
) -> Resolution:
    """Look up a persisted TSet.

    The `generation` is that whose parts may be reused; None where an exchange decides that at run time. A hit whose elements
    are of classes that have changed since is a miss, stored under a version of its own, so that reverting the change hits again.
    """
    # The present code of classes that the version stands for already.
    known: dict[str, str | None] = {}
    changed: tuple[str, ...] = ()
    while True:
        manifest = find_manifest(store, job_id, version)
        accepted = None if manifest is not None else find_accepted(store, job_id, version)
        found = manifest or accepted
        parts = {} if found is not None else _parts(store, job_id, version, generation)
        classes = dict(found.classes) if found is not None else _classes(parts)
        present = {name: class_fingerprint_of(*name.split(":", 1)) for name in classes}
        if present == classes or (accepted is not None and present.items() <= known.items()):
            if found is not None:
                return Hit(found, version, accepted is not None)
            return Miss(version, {} if generation is None else parts[generation], changed)
        changed = tuple(
            _said(name, present[name]) for name in sorted(classes) if present[name] != classes[name]
        )
        version, known = _with_classes(version, present), present


def _parts(
    store: ObjectStore, job_id: str, version: str, generation: str | None
) -> dict[str, dict[int, Part]]:
    """Committed partitions, by generation: of one, or of all where it is not known yet which."""
    if generation is not None:
        generations: Iterable[str] = (generation,)
    else:
        generations = store.folders(tset_path(job_id, version))
    return {each: read_parts(store, generation_path(job_id, version, each)) for each in generations}


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


def _with_classes(version: str, classes: Mapping[str, str | None]) -> str:
    """Version of elements whose classes have changed although nothing that made them has."""
    chain, _, fingerprint = version.partition("/")
    hasher = hashlib.sha256(f"classes;{fingerprint};".encode())
    for name, each in sorted(classes.items()):
        hasher.update(f"{name}={each};".encode())
    return version_of(chain, hasher.hexdigest())
