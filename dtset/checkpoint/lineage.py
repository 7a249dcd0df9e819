"""What a persisted TSet is made from: kept from before it is computed, for explanations of what comes later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dtset.checkpoint.layout import lineage_path
from dtset.fingerprint.sources import SourceText
from dtset.fingerprint.tree import Tree, from_json, to_json
from dtset.storage.objects import ObjectStore
from dtset.storage.records import seal, unseal

__all__ = ["Lineage", "find_lineage", "write_lineage"]

FORMAT = 1


@dataclass(frozen=True)
class Lineage:
    """What a TSet is made from.

    Parameters
    ----------
    name : str
        What it is called.
    tree : Tree
        The tree of its fingerprint.
    sources : mapping of str to SourceText
        Texts of the user's functions in the tree, as `dtset.fingerprint.sources` gives them.
    """

    name: str
    tree: Tree = field(repr=False)
    sources: Mapping[str, SourceText] = field(repr=False)


def write_lineage(
    store: ObjectStore, job_id: str, fingerprint: str, run_id: str, lineage: Lineage
) -> None:
    """Write what a TSet that is about to be computed is made from, unless it is there."""
    record = {
        "format": FORMAT,
        "name": lineage.name,
        "run": run_id,
        "tree": to_json(lineage.tree),
        "sources": {key: text.to_json() for key, text in lineage.sources.items()},
    }
    store.create(lineage_path(job_id, fingerprint), seal(record))


def find_lineage(store: ObjectStore, job_id: str, fingerprint: str) -> Lineage | None:
    """Find what a TSet was made from; None if that is not there, torn, or in another format.

    Only explanations hang on it, so that none is worth an error.
    """
    try:
        record = unseal(store.get(lineage_path(job_id, fingerprint)))
    except FileNotFoundError:
        return None
    if record is None or record.get("format") != FORMAT:
        return None
    sources = {key: SourceText.from_json(text) for key, text in record["sources"].items()}
    return Lineage(record["name"], from_json(record["tree"]), sources)
