"""What a persisted TSet is made from: kept from before it is computed, for explanations of what comes later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dtset.checkpoint.layout import lineage_path
from dtset.checkpoint.placed import find_note, placed
from dtset.fingerprint.difference import below_secrets
from dtset.fingerprint.sources import SourceText
from dtset.fingerprint.tree import Tree, from_json, to_json
from dtset.storage.objects import ObjectStore


@dataclass(frozen=True)
class Lineage:
    """What a TSet is made from."""

    name: str
    tree: Tree = field(repr=False)
    sources: Mapping[str, SourceText] = field(repr=False)


def write_lineage(
    store: ObjectStore, job_id: str, fingerprint: str, run_id: str, lineage: Lineage
) -> None:
    """Write what a TSet that is about to be computed is made from, unless it is there."""
    record = {
        "name": lineage.name,
        "run": run_id,
        "tree": to_json(lineage.tree, hidden=below_secrets(lineage.tree)),
        "sources": dict(lineage.sources),
    }
    path = lineage_path(job_id, fingerprint)
    sealed = placed(path, record)
    if not store.create(path, sealed) and find_lineage(store, job_id, fingerprint) is None:
        # What is there is torn, or tells of something else.
        store.put(path, sealed)


def find_lineage(store: ObjectStore, job_id: str, fingerprint: str) -> Lineage | None:
    """Find what a TSet was made from; None if that is not there as it should be: only explanations depend on it."""
    record = find_note(store, lineage_path(job_id, fingerprint))
    if record is None:
        return None
    try:
        sources = {key: SourceText(*text) for key, text in record["sources"].items()}
        return Lineage(record["name"], from_json(record["tree"]), sources)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None
