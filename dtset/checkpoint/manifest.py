"""The commit of a whole TSet, and its end."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dtset.checkpoint.job import check_job
from dtset.checkpoint.layout import (
    DAMAGED,
    ORDER,
    fingerprint_of,
    generation_path,
    group_path,
    manifest_path,
    order_path,
    part_path,
    tset_path,
    tsets_path,
    version_of,
)
from dtset.checkpoint.part import Part
from dtset.checkpoint.placed import FORMAT, commit_placed, find_placed
from dtset.errors import CorruptCheckpointError, StoreError
from dtset.storage.objects import ObjectStore
from dtset.storage.zarr_group import root_metadata


@dataclass(frozen=True)
class Manifest:
    """A committed TSet: everything that is needed to read it."""

    job_id: str
    version: str
    generation: str
    name: str
    operators: Sequence[str]
    parts: Sequence[Part]
    seconds: float
    created: float

    @property
    def fingerprint(self) -> str:
        """Fingerprint of what made it."""
        return fingerprint_of(self.version)

    @property
    def path(self) -> str:
        """Folder of the generation."""
        return generation_path(self.job_id, self.version, self.generation)

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
    def skipped(self) -> int:
        """How many elements were skipped, since the persist above, as functions failed on them (``on_error="skip"``)."""
        return sum(part.skipped for part in self.parts)

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
            "version": self.version,
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
            version=record["version"],
            generation=record["generation"],
            name=record["name"],
            operators=tuple(record["operators"]),
            parts=tuple(map(Part.from_json, record["parts"])),
            seconds=record["seconds"],
            created=record["created"],
        )


def find_manifest(store: ObjectStore, job_id: str, version: str) -> Manifest | None:
    """Find a committed TSet; a torn record counts as absent, one of another format or path is an error."""
    path = manifest_path(job_id, version)
    record = find_placed(
        store,
        path,
        said=f"the manifest of job {job_id}, TSet {fingerprint_of(version)[:12]}",
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


def _check_parts(store: ObjectStore, manifest: Manifest, taken: Collection[int]) -> None:
    """Make sure that what is about to be committed is still there: a store may be cleaned up by hand."""
    there = {entry.path for entry in store.list(f"{manifest.path}/parts")}
    gone = [
        part.partition
        for part in manifest.parts
        if part.partition not in taken and part_path(manifest.path, part.partition) not in there
    ]
    if gone:
        raise StoreError(
            f"{store.url}/{manifest.path}: partitions {gone} of {manifest.name} were committed, and are gone: "
            f"something removes objects from the store. Stop it, and restart job {manifest.job_id}"
        )


def commit_manifest(
    store: ObjectStore,
    manifest: Manifest,
    *,
    replace: bool = False,
    taken: Collection[int] = (),
) -> Manifest:
    """Commit a TSet, unless another run was first; return the one that counts. With `replace`, an older one goes.

    Partitions that were `taken` over have no record of their own.
    """
    check_job(store, manifest.job_id)
    _check_parts(store, manifest, taken)
    # Only the order in which versions are looked through depends on it.
    chain, fingerprint = manifest.version.split("/")
    moment = f"{round(manifest.created * 1e6):020d}"
    store.put(f"{order_path(manifest.job_id, chain)}/{moment}-{fingerprint}", b"")
    # One group's metadata may be written by two runs: they name their own attempts, and both are right.
    group = {f"{part.partition}-{part.attempt}": part.summary for part in manifest.parts}
    store.put(f"{manifest.group}/zarr.json", root_metadata(group), durable=True)
    return commit_placed(
        store,
        manifest_path(manifest.job_id, manifest.version),
        manifest.to_json(),
        manifest,
        lambda: find_manifest(store, manifest.job_id, manifest.version),
        replace=replace,
    )


def _noted(store: ObjectStore, job_id: str, chain: str) -> list[str]:
    """Fingerprints of the versions of a chain that were committed, the last first."""
    entries = store.list(order_path(job_id, chain))
    return list(dict.fromkeys(entry.path.rpartition("-")[2] for entry in reversed(entries)))


def versions_of(store: ObjectStore, job_id: str, chain: str) -> list[str]:
    """Fingerprints of the versions of a chain: those that were committed, the last first, then others."""
    there = set(store.folders(f"{tsets_path(job_id)}/{chain}")) - {ORDER, DAMAGED}
    committed = [each for each in _noted(store, job_id, chain) if each in there]
    return [*committed, *sorted(there.difference(committed))]


def keep_versions(
    store: ObjectStore, job_id: str, chain: str, most: int, held: Collection[str]
) -> None:
    """Remove all but the last versions of a chain that were committed, and those that are held."""
    for fingerprint in _noted(store, job_id, chain)[most:]:
        if (version := version_of(chain, fingerprint)) not in held:
            delete_tset(store, job_id, version)


def versions(store: ObjectStore, job_id: str) -> list[str]:
    """Versions of which there is a folder, of all TSets of a job."""
    top = tsets_path(job_id)
    return [
        version_of(chain, fingerprint)
        for chain in store.folders(top)
        for fingerprint in versions_of(store, job_id, chain)
    ]


def delete_tset(store: ObjectStore, job_id: str, version: str) -> None:
    """Delete a TSet: its manifest, its partitions' commits, then its data, so that a rest is found by nobody."""
    folder = tset_path(job_id, version)
    store.delete(manifest_path(job_id, version))
    for generation in store.folders(folder):
        store.delete(f"{folder}/{generation}/parts")
    store.delete(folder)
    chain, fingerprint = version.split("/")
    for entry in store.list(order_path(job_id, chain)):
        if entry.path.endswith(fingerprint):
            store.delete(entry.path)
