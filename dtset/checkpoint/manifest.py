"""The commit of a whole TSet, and its end."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dtset.checkpoint.job import check_job
from dtset.checkpoint.layout import generation_path, group_path, manifest_path, part_path, tset_path
from dtset.checkpoint.part import Part
from dtset.checkpoint.placed import FORMAT, commit_placed, find_placed
from dtset.errors import CorruptCheckpointError, StoreError
from dtset.storage.objects import ObjectStore
from dtset.storage.zarr_group import root_metadata


@dataclass(frozen=True)
class Manifest:
    """A committed TSet: everything that is needed to read it."""

    job_id: str
    fingerprint: str
    generation: str
    name: str
    operators: Sequence[str]
    parts: Sequence[Part]
    seconds: float
    created: float

    @property
    def path(self) -> str:
        """Folder of the generation."""
        return generation_path(self.job_id, self.fingerprint, self.generation)

    @property
    def group(self) -> str:
        """Path of the Zarr group."""
        return group_path(self.path)

    @property
    def partitions(self) -> int:
        """Number of partitions."""
        return len(self.parts)

    @property
    def rows(self) -> int:
        """Number of elements."""
        return sum(part.summary.rows for part in self.parts)

    @property
    def nbytes(self) -> int:
        """Bytes in the store, metadata apart."""
        return sum(part.summary.nbytes for part in self.parts)

    @property
    def classes(self) -> Mapping[str, str]:
        """Fingerprints of the user's classes that occur, by ``module:qualname``."""
        return {name: each for part in self.parts for name, each in part.classes.items()}

    @property
    def is_keyed(self) -> bool:
        """Whether all elements are pairs."""
        segments = [segment for part in self.parts for segment in part.summary.segments]
        return bool(segments) and all(
            len(each.schema.fields) == 2 and not each.schema.optional for each in segments
        )

    @property
    def digest(self) -> str:
        """Digest of the elements: equal for equal data, however it was computed."""
        hasher = hashlib.sha256(b"dtset TSet\0")
        for part in self.parts:
            hasher.update(bytes.fromhex(part.summary.digest))
        return hasher.hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return what the record holds."""
        return {
            "job": self.job_id,
            "fingerprint": self.fingerprint,
            "generation": self.generation,
            "name": self.name,
            "operators": list(self.operators),
            "rows": self.rows,
            "nbytes": self.nbytes,
            "digest": self.digest,
            "seconds": round(self.seconds, 6),
            "created": self.created,
            "parts": [part.to_json() for part in self.parts],
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Manifest:
        """Read what `to_json` gave."""
        return cls(
            job_id=record["job"],
            fingerprint=record["fingerprint"],
            generation=record["generation"],
            name=record["name"],
            operators=tuple(record["operators"]),
            parts=tuple(map(Part.from_json, record["parts"])),
            seconds=record["seconds"],
            created=record["created"],
        )


def find_manifest(store: ObjectStore, job_id: str, fingerprint: str) -> Manifest | None:
    """Find a committed TSet; a torn record counts as absent, one of another format or path is an error."""
    path = manifest_path(job_id, fingerprint)
    record = find_placed(
        store,
        path,
        said=f"the manifest of job {job_id}, TSet {fingerprint[:12]}",
        way_out=f"`dtset clear {job_id}` removes it",
    )
    if record is None:
        return None
    try:
        return Manifest.from_json(record)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CorruptCheckpointError(
            f"{store.url}/{path}: expected a manifest in format {FORMAT}, found one without what belongs in it ({error!r}). "
            f"`dtset clear {job_id}` removes it"
        ) from error


def _check_parts(store: ObjectStore, manifest: Manifest) -> None:
    """Make sure that what is about to be committed is still there: a store may be cleaned up by hand."""
    there = {entry.path for entry in store.list(f"{manifest.path}/parts")}
    gone = [
        part.partition
        for part in manifest.parts
        if part_path(manifest.path, part.partition) not in there
    ]
    if gone:
        raise StoreError(
            f"{store.url}/{manifest.path}: partitions {gone} of {manifest.name} were committed, and are gone: "
            f"something removes objects from the store. Stop it, and restart job {manifest.job_id}"
        )


def commit_manifest(store: ObjectStore, manifest: Manifest, *, replace: bool = False) -> Manifest:
    """Commit a TSet, unless another run was first; return the one that counts. With `replace`, an older one goes."""
    check_job(store, manifest.job_id)
    _check_parts(store, manifest)
    # One group's metadata may be written by two runs: they name their own attempts, and both are right.
    group = {f"{part.partition}-{part.attempt}": part.summary for part in manifest.parts}
    store.put(f"{manifest.group}/zarr.json", root_metadata(group), durable=True)
    return commit_placed(
        store,
        manifest_path(manifest.job_id, manifest.fingerprint),
        manifest.to_json(),
        manifest,
        lambda: find_manifest(store, manifest.job_id, manifest.fingerprint),
        replace=replace,
    )


def delete_tset(store: ObjectStore, job_id: str, fingerprint: str) -> None:
    """Delete a TSet: its manifest, its partitions' commits, then its data, so that a rest is found by nobody."""
    folder = tset_path(job_id, fingerprint)
    store.delete(manifest_path(job_id, fingerprint))
    for generation in store.folders(folder):
        store.delete(f"{folder}/{generation}/parts")
    store.delete(folder)
