"""What becomes of the elements of a stage."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from dtset.checkpoint.layout import data_path, generation_path
from dtset.checkpoint.part import Part, commit_part, find_part
from dtset.checkpoint.present_classes import class_tree
from dtset.execution.stage import Scope
from dtset.operators.call import CallSpec
from dtset.operators.kernels.batching import Batches
from dtset.operators.operator import Action
from dtset.storage.batch import Rows, rows_of
from dtset.storage.blocks import encode_block
from dtset.storage.partition_writer import PartitionWriter

FIRST_GENERATION = "0"


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
    """Elements are written to the store, and committed partition by partition."""

    fingerprint: str
    generation: str | None

    def consume(self, batches: Batches, scope: Scope, deal: str | None) -> Committed:
        """Commit a partition, unless a record says that it is committed."""
        settings = scope.settings
        generation = self.generation or (f"d{deal[:24]}" if deal else FIRST_GENERATION)
        path = generation_path(settings.job_id, self.fingerprint, generation)
        part = find_part(settings.store, path, scope.partition)
        if part is None:
            part = commit_part(settings.store, path, self._written(batches, scope, path))
        return Committed(generation, part)

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
        seconds = time.perf_counter() - began
        return Part(scope.partition, attempt, settings.run_id, seconds, summary, classes)


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
