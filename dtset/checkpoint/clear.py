"""Deleting what a job persisted."""

from __future__ import annotations

from dtset.checkpoint.layout import manifest_path, tset_path
from dtset.storage.objects import ObjectStore


def delete_tset(store: ObjectStore, job_id: str, fingerprint: str) -> None:
    """Delete a persisted TSet: its manifest, its partitions' commits, then its data.

    What was deleted in part is found by nobody, and can be deleted again.
    """
    folder = tset_path(job_id, fingerprint)
    store.delete(manifest_path(job_id, fingerprint))
    for generation in store.folders(folder):
        store.delete(f"{folder}/{generation}/parts")
    store.delete(folder)
