"""The commit of one partition."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from functools import cached_property
from typing import Any

from dtset.checkpoint.layout import damaged_path, data_path, is_generation, part_path
from dtset.checkpoint.placed import commit_placed, find_placed
from dtset.errors import CorruptCheckpointError, StoreError
from dtset.fingerprint.reads import key_of
from dtset.storage.batch import Batch
from dtset.storage.objects import ObjectStore
from dtset.storage.partition_reader import read_partition
from dtset.storage.partition_summary import PartitionSummary
from dtset.storage.pickling import ClassResolver


@dataclass(frozen=True)
class FileRead:
    """A part of a file that a partition read: the state of the file then, and the SHA-256 of the bytes."""

    state: str
    name: str
    size: int
    content: str

    def digest(self) -> str:
        """Return the digest of the bytes."""
        return self.content


@dataclass(frozen=True)
class Part:
    """A committed partition: which attempt holds it, and what it wrote.

    It `reads` what is noted here, and its functions have `seen` this of their context, if nothing moves elements above it.
    """

    partition: int
    attempt: str
    run_id: str
    seconds: float
    summary: PartitionSummary
    classes: Mapping[str, str]
    reads: Sequence[str | FileRead] | None = None
    seen: Mapping[str, Any] = field(default_factory=dict)
    skipped: int = 0
    copy_of: str = ""

    @property
    def written(self) -> str:
        """The attempt that wrote the bytes: another one if they were taken over."""
        return self.copy_of or self.attempt

    def path(self, generation_path: str) -> str:
        """Return where the data lies."""
        return data_path(generation_path, self.partition, self.attempt)

    @cached_property
    def key(self) -> str | None:
        """Key of what it read; None if elements were moved above it."""
        return None if self.reads is None else key_of(self.reads, lambda read: read.digest())

    def to_json(self) -> dict[str, Any]:
        """Return what a manifest holds of it."""
        reads: list[Any] | None = None
        if self.reads is not None:
            reads = [read if isinstance(read, str) else astuple(read) for read in self.reads]
        return {
            "partition": self.partition,
            "attempt": self.attempt,
            "run": self.run_id,
            "seconds": round(self.seconds, 6),
            "summary": self.summary.to_json(),
            "classes": dict(self.classes),
            "reads": reads,
            "seen": dict(self.seen),
            "skipped": self.skipped,
            "copy_of": self.copy_of,
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Part:
        """Read what `to_json` gave."""
        reads = record["reads"]
        return cls(
            partition=record["partition"],
            attempt=record["attempt"],
            run_id=record["run"],
            seconds=record["seconds"],
            summary=PartitionSummary.from_json(record["summary"]),
            classes=record["classes"],
            reads=reads and [read if isinstance(read, str) else FileRead(*read) for read in reads],
            seen=record["seen"],
            skipped=record["skipped"],
            copy_of=record["copy_of"],
        )


def find_part(store: ObjectStore, generation_path: str, partition: int) -> Part | None:
    """Find the commit of a partition; a torn record counts as absent, one of another format or path is an error."""
    record = find_placed(
        store,
        part_path(generation_path, partition),
        said=f"the record of partition {partition} of {generation_path}",
        way_out="remove it, and it is computed again",
    )
    return None if record is None else Part.from_json(record)


def commit_part(store: ObjectStore, generation_path: str, part: Part) -> Part:
    """Commit an attempt at a partition when its data are durable, unless another was first; return the one that counts."""
    store.sync(part.path(generation_path))
    return commit_placed(
        store,
        part_path(generation_path, part.partition),
        part.to_json(),
        part,
        lambda: find_part(store, generation_path, part.partition),
    )


def read_parts(store: ObjectStore, generation_path: str) -> dict[int, Part]:
    """Read the commits of a generation, by partition."""
    parts = {}
    for entry in store.list(f"{generation_path}/parts"):
        name = entry.path.rpartition("/")[2].removesuffix(".json")
        if name.isdecimal():
            part = find_part(store, generation_path, int(name))
            if part is not None:
                parts[part.partition] = part
    return parts


def read_elements(
    store: ObjectStore,
    name: str,
    generation_path: str,
    part: Part,
    *,
    resolver: ClassResolver,
    allow_pickle: bool,
) -> Generator[Batch, None, None]:
    """Batches of the elements of a committed partition; an error in them names job, TSet and partition."""
    path = part.path(generation_path)
    batches = read_partition(
        store, path, part.summary, resolver=resolver, allow_pickle=allow_pickle
    )
    try:
        yield from batches
    except CorruptCheckpointError as error:
        if is_generation(generation_path):
            # Nothing else keeps other versions from taking over what they may share the bytes of.
            with suppress(StoreError):
                store.put(damaged_path(generation_path, part.written), b"")
        raise CorruptCheckpointError(
            f"job {generation_path.partition('/')[0]}, TSet {name!r}, partition {part.partition}: {error}"
        ) from None
