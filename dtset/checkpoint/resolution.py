"""What the store has of a persisted TSet: all of it, some partitions, or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from dtset.checkpoint.layout import generation_path, tset_path
from dtset.checkpoint.manifest import Manifest, find_manifest
from dtset.checkpoint.part import Part, read_parts
from dtset.storage.objects import ObjectStore

__all__ = ["Hit", "Miss", "Resolution", "resolve"]

FingerprintOf: TypeAlias = Callable[[str, str], str | None]


@dataclass(frozen=True)
class Hit:
    """All of it is there."""

    manifest: Manifest


@dataclass(frozen=True)
class Miss:
    """Some or no partitions are there.

    Parameters
    ----------
    fingerprint : str
        What to store it under.
    parts : mapping of int to Part
        Partitions that an earlier run committed before it died.
    """

    fingerprint: str
    parts: Mapping[int, Part]


Resolution: TypeAlias = Hit | Miss


def resolve(
    store: ObjectStore,
    job_id: str,
    fingerprint: str,
    generation: str | None,
    class_fingerprint_of: FingerprintOf,
) -> Resolution:
    """Look up a persisted TSet.

    Parameters
    ----------
    store : ObjectStore
        Where to look.
    job_id, fingerprint : str
        What to look for.
    generation : str or None
        The generation whose parts may be reused; None where an exchange decides that at run time.
    class_fingerprint_of : callable
        Fingerprint of the present program's class, by module and qualified name; None where the
        program has no such class.

    Returns
    -------
    Hit or Miss
        A hit whose elements are of classes that have changed since is a miss, stored under a
        fingerprint of its own, so that reverting the change hits again.
    """
    while (manifest := find_manifest(store, job_id, fingerprint)) is not None:
        present = _present(manifest.classes, class_fingerprint_of)
        if present == manifest.classes:
            return Hit(manifest)
        fingerprint = _with_classes(fingerprint, present)
    generations = _generations(store, job_id, fingerprint) if generation is None else {generation}
    parts = {
        each: read_parts(store, generation_path(job_id, fingerprint, each)) for each in generations
    }
    classes = {
        name: each
        for committed in parts.values()
        for part in committed.values()
        for name, each in part.classes.items()
    }
    present = _present(classes, class_fingerprint_of)
    if present != classes:
        return Miss(_with_classes(fingerprint, present), {})
    return Miss(fingerprint, {} if generation is None else parts[generation])


def _generations(store: ObjectStore, job_id: str, fingerprint: str) -> set[str]:
    """Generations of a TSet that have committed partitions."""
    folder = tset_path(job_id, fingerprint)
    paths = (entry.path.removeprefix(f"{folder}/") for entry in store.list(folder))
    return {path.split("/")[0] for path in paths if "/parts/" in path}


def _present(
    classes: Mapping[str, str], class_fingerprint_of: FingerprintOf
) -> dict[str, str | None]:
    """Fingerprints that classes have in the present program."""
    return {name: class_fingerprint_of(*name.split(":", 1)) for name in classes}


def _with_classes(fingerprint: str, classes: Mapping[str, str | None]) -> str:
    """Fingerprint of elements whose classes have changed although nothing that made them has."""
    hasher = hashlib.sha256(f"classes;{fingerprint};".encode())
    for name, each in sorted(classes.items()):
        hasher.update(f"{name}={each};".encode())
    return hasher.hexdigest()
