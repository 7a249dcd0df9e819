"""What becomes of the elements of a stage."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Protocol

from dtset.checkpoint.earlier import ByKey, copied, known_by
from dtset.checkpoint.layout import FIRST_GENERATION, data_path, generation_path
from dtset.checkpoint.part import FileRead, Part, commit_part, find_part
from dtset.checkpoint.present_classes import class_tree
from dtset.execution.stage import Scope
from dtset.fingerprint.reads import key_of
from dtset.operators.call import CallSpec
from dtset.operators.kernels.batching import Batches
from dtset.operators.operator import Action
from dtset.plan.reads import Reads
from dtset.storage.batch import Rows, rows_of
from dtset.storage.blocks import encode_block
from dtset.storage.partition_writer import PartitionWriter


class Output(Protocol):
    """What becomes of the elements of a stage."""

    def consume(self, batches: Batches, scope: Scope, deal: str | None) -> Any:
        """Use up one partition; nothing of it has run before its first batch is asked for."""


@dataclass(frozen=True)
class Committed:
    """A partition that is in the store."""

    generation: str
    part: Part


@dataclass(frozen=True)
class PersistOutput:
    """Elements are written to the store, and committed partition by partition.

    Of partitions that no exchange decides on it is known what they read, and of some which committed ones they `perhaps`
    are: those are taken over if the files turn out to hold the same.
    """

    version: str
    generation: str | None
    reads: Mapping[int, Reads] = field(default_factory=dict, repr=False)
    perhaps: Mapping[int, ByKey] = field(default_factory=dict, repr=False)
    partitions: int = 0

    def of(self, partitions: Sequence[int]) -> PersistOutput:
        """Return the output for no more than some partitions, so that tasks stay small."""
        kept = set(partitions)
        reads = {number: each for number, each in self.reads.items() if number in kept}
        perhaps = {number: each for number, each in self.perhaps.items() if number in kept}
        return replace(self, reads=reads, perhaps=perhaps)

    def consume(self, batches: Batches, scope: Scope, deal: str | None) -> Committed:
        """Commit a partition, unless a record says that it is committed."""
        settings = scope.settings
        generation = self.generation or (f"d{deal[:24]}" if deal else FIRST_GENERATION)
        path = generation_path(settings.job_id, self.version, generation)
        part = find_part(settings.store, path, scope.partition)
        if part is None:
            made = self._taken(scope, path) or self._written(batches, scope, path)
            part = commit_part(settings.store, path, made)
        return Committed(generation, part)

    def _taken(self, scope: Scope, path: str) -> Part | None:
        """Take a partition over whose files hold what those of another held, by what they hold now."""
        number, store = scope.partition, scope.settings.store
        if number not in self.perhaps:
            return None
        key = key_of(self._read(scope), lambda read: read.digest())
        for origin in known_by(key, self.perhaps[number], number, self.partitions):
            made = copied(store, path, number, origin)
            if made is not None:
                # What it is known by from now on are the present states of the files.
                return replace(made, reads=self._read(scope))
        return None

    def _read(self, scope: Scope) -> list[str | FileRead]:
        """What the partition reads, files by what they hold: read again where nobody has noted it."""
        contents = scope.notes.contents
        read: list[str | FileRead] = []
        for each in self.reads[scope.partition]:
            if isinstance(each, str):
                read.append(each)
                continue
            if each.state not in contents:
                contents[each.state] = each.digest()
            read.append(FileRead(each.state, each.name, each.size, contents[each.state]))
        return read

    def _written(self, batches: Batches, scope: Scope, path: str) -> Part:
        settings = scope.settings
        attempt = uuid.uuid4().hex[:12]
        began = time.perf_counter()
        writer = PartitionWriter(
            settings.store,
            data_path(path, scope.partition, attempt),
            codec=settings.codec,
            allow_pickle=settings.allow_pickle,
            resolver=scope.program.findable,
        )
        try:
            for batch in batches:
                writer.append(batch)
            summary = writer.finish()
        except BaseException:
            writer.abort()
            raise
        classes = {
            f"{module}:{qualname}": class_tree(
                scope.program.resolve(module, qualname), qualname, settings.ignore
            ).digest
            for module, qualname in summary.classes
        }
        reads = self._read(scope) if scope.partition in self.reads else None
        seconds = time.perf_counter() - began
        run_id, notes = settings.run_id, scope.notes
        return Part(
            scope.partition,
            attempt,
            run_id,
            seconds,
            summary,
            classes,
            reads,
            dict(notes.seen),
            sum(notes.skipped.values()),
        )


@dataclass(frozen=True)
class BlockOutput:
    """Elements are returned, or kept in memory, as encoded blocks."""

    limit: int | None = None

    def consume(self, batches: Batches, scope: Scope, deal: str | None) -> list[bytes]:
        """Encode a partition."""
        findable = scope.program.findable
        if self.limit is None:
            return [encode_block(batch, resolver=findable) for batch in batches]
        wanted = list(islice(rows_of(batches), self.limit))
        return [encode_block(Rows(wanted), resolver=findable)]


@dataclass(frozen=True)
class ActionOutput:
    """An action uses the elements up; what it returns goes to the driver."""

    spec: CallSpec[Action]

    def consume(self, batches: Batches, scope: Scope, deal: str | None) -> Any:
        """Carry the action out for a partition."""
        return self.spec.operator.consume(batches, scope.call(self.spec))
