"""Sequences in the driver's memory: taken as they are now, and brought to tasks."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from hashlib import sha256
from typing import Any

import numpy as np

from dtset.checkpoint.layout import data_path
from dtset.checkpoint.part import Part
from dtset.errors import ReadOnlyStoreError
from dtset.execution.inputs import BlockInput, LoadInput
from dtset.execution.stage import TaskSettings
from dtset.fingerprint.graph import MOST_SHOWN
from dtset.operators.sources import share
from dtset.plan.context import TSetContext
from dtset.storage.batch import Batch, rows_of
from dtset.storage.blocks import block_classes, decode_block, encode_block
from dtset.storage.columns import Columns, concatenate, widen
from dtset.storage.partition_writer import PartitionWriter
from dtset.storage.pickling import present_class
from dtset.storage.schema import PICKLED, Schema, classes_of, join

_MOST_BYTES = 2**20


@dataclass(frozen=True, eq=False)
class SequenceSource:
    """A sequence as it was when it was given: what is changed in it later is not seen."""

    blocks: Mapping[int, Sequence[bytes]] = field(repr=False)
    digest: str | None = None

    def identity(self) -> object:
        """Return what the elements depend on: the elements, or what is known to tell them from others."""
        if self.digest is not None:
            return self.digest
        return self._described(sorted(self.blocks))

    def reads(self, partitions: int) -> Sequence[tuple[object, tuple[()]]]:
        """Return what each partition's elements depend on: the elements."""
        return [(self._described([number]), ()) for number in range(partitions)]

    def _described(self, partitions: Sequence[int]) -> object:
        """What tells the elements of some partitions from others: themselves, or the digest of their columns and their classes."""
        typed = self._typed(partitions)
        if typed is None:
            return [element for partition in partitions for element in self._of(partition)]
        schema, digest = typed
        classes = {
            f"class {name}": present_class(module, name)
            for module, name in sorted(classes_of(schema))
        }
        return {"elements": digest, **classes}

    def _typed(self, partitions: Sequence[int]) -> tuple[Schema, str] | None:
        """Schema and digest of elements that have typed columns; None of those that have none, or are few enough to be shown.

        Neither depends on how the elements were cut into blocks.
        """
        batches = [each for number in partitions for each in self._columns(number)]
        if sum(map(len, batches)) <= MOST_SHOWN:
            return None
        schema = reduce(join, (batch.schema for batch in batches))
        if schema == PICKLED:
            return None
        columns = concatenate([widen(batch, schema) for batch in batches])
        hashed = sha256(json.dumps([schema.to_json(), len(columns)]).encode())
        for array in columns.arrays:
            hashed.update(array.nbytes.to_bytes(8, "little"))
            hashed.update(np.ascontiguousarray(array).data)
        return schema, hashed.hexdigest()

    def elements(self, ctx: TSetContext) -> Iterator[Any]:
        """Return the elements of one partition."""
        return self._of(ctx.index)

    def batches(self, partition: int) -> Iterator[Batch]:
        """Return the elements of one partition, in batches."""
        return iter(self._columns(partition))

    def _columns(self, partition: int) -> Iterator[Columns]:
        return (batch for block in self.blocks[partition] for batch in decode_block(block))

    @property
    def nbytes(self) -> int:
        """Bytes that the blocks take."""
        return sum(len(block) for sent in self.blocks.values() for block in sent)

    @property
    def classes(self) -> set[tuple[str, str]]:
        """The user's classes that occur, by module and qualified name."""
        blocks = (block for sent in self.blocks.values() for block in sent)
        return {each for block in blocks for each in block_classes(block)}

    def _of(self, partition: int) -> Iterator[Any]:
        """Elements of one partition."""
        return rows_of(self.batches(partition))


def snapshot(
    batch_of: Callable[[slice], Batch],
    length: int,
    parallelism: int,
    batch_size: int,
    digest: str | None = None,
) -> SequenceSource:
    """Take a sequence as it is now, cut into contiguous partitions."""
    blocks = {}
    for partition in range(parallelism):
        first, last = share(length, partition, parallelism)
        blocks[partition] = [
            encode_block(
                batch_of(slice(start, min(start + batch_size, last))), resolver=present_class
            )
            for start in range(first, last, batch_size)
        ]
    return SequenceSource(blocks, digest)


def inlined(source: SequenceSource, settings: TaskSettings, path: str) -> BlockInput | LoadInput:
    """Bring a sequence to where tasks can read it: in the graph if it is small, else through the store.

    What is larger than 1 MiB is written to the `path`, where it stays until the run ends; all is in the graph if the
    store may only be read.
    """
    if source.nbytes <= _MOST_BYTES:
        return BlockInput(source.blocks)
    try:
        parts = _written(source, settings, path)
    except ReadOnlyStoreError:
        return BlockInput(source.blocks)
    return LoadInput("parallelize", path, parts)


def _written(source: SequenceSource, settings: TaskSettings, path: str) -> dict[int, Part]:
    """Write a sequence to the store."""
    parts = {}
    for partition in source.blocks:
        attempt = uuid.uuid4().hex[:12]
        writer = PartitionWriter(
            settings.store,
            data_path(path, partition, attempt),
            codec=settings.codec,
            allow_pickle=settings.allow_pickle,
        )
        for batch in source.batches(partition):
            writer.append(batch)
        parts[partition] = Part(partition, attempt, settings.run_id, 0.0, writer.finish(), {})
    return parts
