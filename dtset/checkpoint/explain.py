"""What TSets are made from, kept for later, and why what a job has stored is not what the present program asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dtset.checkpoint.history import Past
from dtset.checkpoint.layout import lineage_path
from dtset.checkpoint.placed import find_note, placed
from dtset.fingerprint.difference import CODE_CHANGED, Difference, below_secrets, first_difference
from dtset.fingerprint.plain import SECRET
from dtset.fingerprint.rewording import reworded
from dtset.fingerprint.sources import SourceText, source_of
from dtset.fingerprint.tree import OPERATOR, Tree, from_json, to_json
from dtset.storage.objects import ObjectStore


@dataclass(frozen=True)
class Lineage:
    """What a TSet is made from."""

    name: str
    tree: Tree = field(repr=False)
    sources: Mapping[str, SourceText] = field(repr=False)


def write_lineage(
    store: ObjectStore, job_id: str, version: str, run_id: str, lineage: Lineage
) -> None:
    """Write what a TSet that is about to be computed is made from, unless it is there."""
    record = {
        "name": lineage.name,
        "run": run_id,
        "tree": to_json(lineage.tree, hidden=below_secrets(lineage.tree)),
        "sources": dict(lineage.sources),
    }
    path = lineage_path(job_id, version)
    sealed = placed(path, record)
    if not store.create(path, sealed) and find_lineage(store, job_id, version) is None:
        # What is there is torn, or tells of something else.
        store.put(path, sealed)


def find_lineage(store: ObjectStore, job_id: str, version: str) -> Lineage | None:
    """Find what a TSet was made from; None if that is not there as it should be: only explanations depend on it."""
    record = find_note(store, lineage_path(job_id, version))
    if record is None:
        return None
    try:
        sources = {key: SourceText(*text) for key, text in record["sources"].items()}
        return Lineage(record["name"], from_json(record["tree"]), sources)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None


@dataclass(frozen=True)
class Missed:
    """A TSet that the store does not have, or has in part.

    `classes` says what has become of classes of its elements since they were stored; with `refresh` it is there, and was to be
    computed again. Of the partitions that were found, some were `taken` over from other versions.
    """

    version: str
    partitions: int
    found: int
    lineage: Lineage = field(repr=False)
    classes: Sequence[str] = ()
    refresh: bool = False
    taken: int = 0

    @property
    def name(self) -> str:
        """What it is called."""
        return self.lineage.name


def missed_said(partitions: int, found: int, taken: int) -> str:
    """Say what was found of a TSet that was not found whole.

    Examples
    --------
    >>> missed_said(6000, 5999, 5999), missed_said(4, 2, 0), missed_said(4, 0, 0)
    ('5,999 of 6,000 partitions taken over; computed', 'partial (2 of 4)', 'miss')
    """
    if taken == partitions:
        return f"all of {partitions:,} partitions taken over; changed"
    if taken:
        return f"{found:,} of {partitions:,} partitions taken over; computed"
    return f"partial ({found} of {partitions})" if found else "miss"


@dataclass(frozen=True)
class Reason:
    """Why a TSet is missing, and the version of what it was compared with."""

    words: str
    before: str | None = None


def explained(
    store: ObjectStore, job_id: str, missed: Missed, predecessors: Iterable[Past]
) -> Reason:
    """Say why a TSet is missing, by those who came before it, as `History.predecessors` gives them."""
    if missed.refresh:
        return Reason("it was to be computed again (refresh=True)")
    begun = False
    for past in predecessors:
        if past.version == missed.version:
            if past.committed:
                return Reason(_REMOVED)
            begun = True
            continue
        before = find_lineage(store, job_id, past.version)
        if before is not None:
            words = difference_said(before, missed.lineage, missed.classes, own=past.is_own)
            if past.name != missed.name:
                words = f"no earlier run persisted it by this name; {past.name}, at its place, differs in {words}"
            return Reason(f"{words}; {_BEGUN}" if begun else words, past.version)
    return Reason(_BEGUN if begun else "no earlier run persisted it")


_BEGUN = "a run began to compute it and did not finish"
_TWICE = "; this run has persisted another TSet of this name: give each a name of its own"
_REMOVED = "its data were removed since a run persisted it"


def difference_said(
    old: Lineage, new: Lineage, classes: Sequence[str] = (), *, own: bool = False
) -> str:
    """Say in what one TSet differs from another; `classes`, in what classes of stored elements do.

    With `own`, this run persisted both: other operators under one name mean two TSets more often than an edit.
    """
    try:
        difference = first_difference(old.tree, new.tree)
    except RecursionError:
        return "something that lies too deep to be said"
    if difference is not None:
        parts = (difference.old, difference.new)
        is_twice = own and any(part is not None and part.place == OPERATOR for part in parts)
        return _said(difference, old.sources, new.sources) + _TWICE * is_twice
    if classes:
        return classes[0]
    return "a class of its elements changed"


def _said(
    difference: Difference, old: Mapping[str, SourceText], new: Mapping[str, SourceText]
) -> str:
    """Say a difference, with what changed in the text of a function where both texts are at hand."""
    if difference.change != CODE_CHANGED or difference.old is None or difference.new is None:
        return str(difference)
    before, after = old.get(source_of(difference.old)), new.get(source_of(difference.new))
    if before is None or after is None:
        return str(difference)
    try:
        names = f"{difference.what} {difference.old.name} {difference.new.name}"
        detail = reworded(before, after, secret=SECRET.search(names) is not None)
    except RecursionError:
        # Code that is nested so deep is compared no further.
        return str(difference)
    return f"{difference} ({detail})" if detail else str(difference)
