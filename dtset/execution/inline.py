"""Sequences in the driver's memory, on their way to tasks: in the graph if small, else through the store."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from dtset.checkpoint.layout import data_path
from dtset.checkpoint.part import Part
from dtset.execution.inputs import BlockInput, LoadInput
from dtset.execution.stage import TaskSettings
from dtset.plan.context import TSetContext
from dtset.plan.sources import SequenceSource
from dtset.storage.blocks import block_classes, encode_block
from dtset.storage.partition_writer import PartitionWriter

__all__ = ["inlined"]

_MOST_BYTES = 2**20


def inlined(
    data: SequenceSource, parallelism: int, settings: TaskSettings, path: str
) -> tuple[BlockInput | LoadInput, set[tuple[str, str]]]:
    """Bring a sequence to where tasks can read it.

    Parameters
    ----------
    data : SequenceSource
        The elements.
    parallelism : int
        Number of partitions.
    settings : TaskSettings
        Tell of the store.
    path : str
        Where in the store to write what is larger than 1 MiB.

    Returns
    -------
    BlockInput or LoadInput
        What tasks read.
    set of (str, str)
        The user's classes that occur, by module and qualified name.
    """
    blocks: dict[int, list[bytes]] = {}
    size = 0
    for partition in range(parallelism):
        blocks[partition] = []
        for batch in _batches(data, partition, parallelism, settings.batch_size):
            blocks[partition].append(encode_block(batch))
            size += len(blocks[partition][-1])
            if size > _MOST_BYTES:
                return _stored(data, parallelism, settings, path)
    classes = {each for sent in blocks.values() for block in sent for each in block_classes(block)}
    return BlockInput(blocks), classes


def _stored(
    data: SequenceSource, parallelism: int, settings: TaskSettings, path: str
) -> tuple[LoadInput, set[tuple[str, str]]]:
    """Write a sequence to the store, where it stays until the run ends."""
    parts = {}
    for partition in range(parallelism):
        attempt = uuid.uuid4().hex[:12]
        writer = PartitionWriter(
            settings.store,
            data_path(path, partition, attempt),
            codec=settings.codec,
            allow_pickle=settings.allow_pickle,
        )
        for batch in _batches(data, partition, parallelism, settings.batch_size):
            writer.append(batch)
        parts[partition] = Part(partition, attempt, settings.run_id, 0.0, writer.finish(), {})
    classes = {each for part in parts.values() for each in part.summary.classes}
    return LoadInput("parallelize", path, parts), classes


def _batches(
    data: SequenceSource, partition: int, parallelism: int, size: int
) -> Iterator[list[Any]]:
    """Elements of a partition, in batches."""
    ctx = TSetContext(
        index=partition, parallelism=parallelism, id="parallelize", name="parallelize"
    )
    elements = list(data.elements(ctx))
    for start in range(0, len(elements), size):
        yield elements[start : start + size]
