"""Partitions of earlier versions of a TSet: taken over where chain and inputs are the present ones, never computed again."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TypeAlias

from dtset.checkpoint.acceptance import read_acceptance
from dtset.checkpoint.layout import FIRST_GENERATION, damaged_path, generation_path, version_of
from dtset.checkpoint.manifest import find_manifest, versions_of
from dtset.checkpoint.part import Part, read_parts
from dtset.checkpoint.present_classes import FingerprintOf
from dtset.errors import CorruptCheckpointError
from dtset.fingerprint.reads import key_of
from dtset.plan.reads import FileRange, Reads
from dtset.storage.local_store import local_path
from dtset.storage.objects import ObjectStore
from dtset.storage.partition_reader import read_partition
from dtset.storage.zarr_group import is_whole, object_names

# Copies are small requests, of which a store answers several at once.
_COPIERS = 16


@dataclass(frozen=True)
class Lender:
    """Another job, of this store or of another, whose partitions may be taken over."""

    store: ObjectStore
    job_id: str


@dataclass(frozen=True)
class Origin:
    """A committed partition, by the generation that it lies in; another job's if it has a `lender`."""

    path: str
    part: Part
    lender: Lender | None = None

    def is_seen_from(self, partition: int, partitions: int) -> bool:
        """Whether functions would see of their context what they saw when it was computed."""
        present = {"index": partition, "parallelism": partitions, "branch": None}
        # Another job's random numbers are others.
        present["random"] = partition if self.lender is None else None
        seen = self.part.seen
        return all(seen[name] == value for name, value in present.items() if name in seen)

    @property
    def objects(self) -> int:
        """How many objects there are of it."""
        return len(object_names(self.part.summary))


ByKey: TypeAlias = Mapping[tuple[str, int | None], Sequence[Origin]]
"""Partitions by the key of what they read, and their number if functions saw that."""


def known_by(key: str | None, origins: ByKey, partition: int, partitions: int) -> Iterator[Origin]:
    """Give those of some partitions that read what has a key, as functions would see it from a partition."""
    for place in (partition, None):
        for origin in origins.get((key or "", place), ()):
            if origin.is_seen_from(partition, partitions):
                yield origin


@dataclass(frozen=True)
class Earlier:
    """What earlier versions have: of some partitions what they are, of some what they may be, once their files are read."""

    known: Mapping[int, Origin] = field(default_factory=dict)
    perhaps: Mapping[int, ByKey] = field(default_factory=dict)


def find_earlier(
    store: ObjectStore,
    job_id: str,
    version: str,
    wanted: Mapping[int, Reads],
    partitions: int,
    present: FingerprintOf,
    lenders: Sequence[Lender] = (),
    *,
    allow_pickle: bool = True,
) -> Earlier:
    """Look for partitions that read the same, newest versions first, until all are found; then those of other jobs."""
    contents: dict[str, str] = {}
    by_key: dict[tuple[str, int | None], list[Origin]] = defaultdict(list)
    # One for all that are alike, which may be all there are.
    by_shape: dict[tuple[object, ...], dict[tuple[str, int | None], list[Origin]]] = defaultdict(
        dict
    )
    known: dict[int, Origin] = {}
    classes: dict[str, str | None] = {}
    own = _committed(store, job_id, version)
    lent = (
        [replace(origin, lender=lender) for origin in origins]
        for lender in lenders
        for origins in _committed(lender.store, lender.job_id, version, is_own=False)
    )
    for origins in chain(own, lent):
        for origin in origins:
            part = origin.part
            if origin.lender is not None and not allow_pickle and part.summary.is_pickled:
                continue
            for name in part.classes.keys() - classes.keys():
                classes[name] = present(*name.split(":", 1))
            if part.key is None or any(
                classes[name] != made for name, made in part.classes.items()
            ):
                continue
            contents.update((read.state, read.digest()) for read in _files(part.reads or ()))
            at = (part.key, part.seen.get("index", part.seen.get("random")))
            by_key[at].append(origin)
            by_shape[_shape(part.reads or ())][at] = by_key[at]
        for number in wanted.keys() - known.keys():
            key = key_of(wanted[number], lambda read: contents.get(read.state))
            if (same := next(known_by(key, by_key, number, partitions), None)) is not None:
                known[number] = same
        if len(known) == len(wanted):
            break
    perhaps = {}
    for number in wanted.keys() - known.keys():
        alike = by_shape.get(_shape(wanted[number]))
        if alike and any(read.state not in contents for read in _files(wanted[number])):
            perhaps[number] = alike
    return Earlier(known, perhaps)


def take_over(store: ObjectStore, path: str, origins: Mapping[int, Origin]) -> dict[int, Part]:
    """Copy partitions into a generation; what is not whole there, or not any more, is left out."""
    # Links are made faster by one.
    with ThreadPoolExecutor(1 if local_path(store.url) else _COPIERS) as pool:
        made = pool.map(lambda item: copied(store, path, *item), origins.items())
        found = {part.partition: part for part in made if part is not None}
    if found:
        store.sync(path)
    return found


def copied(store: ObjectStore, path: str, partition: int, origin: Origin) -> Part | None:
    """Copy a partition into a generation; None if it is not whole."""
    attempt, written = uuid.uuid4().hex[:12], origin.part.written
    part = replace(origin.part, partition=partition, attempt=attempt, copy_of=written)
    source, target = origin.part.path(origin.path), part.path(path)
    there = store if origin.lender is None else origin.lender.store
    lent = there.url != store.url
    entries = there.list(source)
    sizes = {entry.path[len(source) + 1 :]: entry.size for entry in entries}
    if not is_whole(part.summary, sizes):
        return None
    try:
        for entry in entries:
            to = target + entry.path.removeprefix(source)
            if lent:
                store.put(to, there.get(entry.path))
            else:
                store.copy(entry.path, to)
        if lent:
            # On its way through here it may have become something else.
            for _ in read_partition(store, target, part.summary):
                pass
    except (FileNotFoundError, CorruptCheckpointError):
        store.delete(target)
        return None
    return part


def _committed(
    store: ObjectStore, job_id: str, version: str, *, is_own: bool = True
) -> Iterator[list[Origin]]:
    """Committed partitions of other versions of a chain: of whole ones, the newest first, then of others.

    A chain for whose data the user has accepted those of another is looked through after it.
    """
    begun: list[str] = []
    damaged: set[str] = set()
    own = version if is_own else None
    chains = [version.partition("/")[0]]
    for each in chains:
        found = store.list(damaged_path(generation_path(job_id, version_of(each, ""), "")))
        damaged.update(entry.path.rpartition("/")[2] for entry in found)
        for fingerprint in versions_of(store, job_id, each):
            other = version_of(each, fingerprint)
            manifest = None if other == own else find_manifest(store, job_id, other)
            if manifest is not None:
                yield [
                    Origin(manifest.path, part)
                    for part in manifest.parts
                    if part.written not in damaged
                ]
            elif other != own:
                begun.append(other)
                if (accepted := read_acceptance(store, job_id, other)) is not None:
                    chains += {accepted.data.partition("/")[0]}.difference(chains)
    for other in begun:
        path = generation_path(job_id, other, FIRST_GENERATION)
        parts = read_parts(store, path).values()
        yield [Origin(path, part) for part in parts if part.written not in damaged]


def _files(reads: Reads) -> Iterator[FileRange]:
    return (read for read in reads if not isinstance(read, str))


def _shape(reads: Reads) -> tuple[object, ...]:
    """What is known of what a partition reads before its files are: values, names, and sizes of parts of files."""
    return tuple(read if isinstance(read, str) else (read.name, read.size) for read in reads)
