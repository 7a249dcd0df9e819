"""Reading a partition back."""

from __future__ import annotations

from collections.abc import Iterator

from dtset.storage.arrays import ArrayStream
from dtset.storage.codecs import chunk_codec
from dtset.storage.columns import Columns
from dtset.storage.kinds import Array
from dtset.storage.objects import ObjectStore
from dtset.storage.partition_summary import PartitionSummary, SegmentSummary
from dtset.storage.pickling import ClassResolver, present_class, refuse_pickle
from dtset.storage.schema import arrays_of


def read_partition(
    store: ObjectStore,
    path: str,
    summary: PartitionSummary,
    *,
    resolver: ClassResolver = present_class,
    allow_pickle: bool = True,
) -> Iterator[Columns]:
    """Read a partition, batch by batch, as columns that are verified but not yet decoded.

    Every chunk is verified before a byte of it is interpreted, and read once.
    """
    if not allow_pickle and summary.is_pickled:
        raise refuse_pickle(f"{store.url}/{path}")
    classes = frozenset(summary.classes)
    for number, segment in enumerate(summary.segments):
        streams = _streams(store, f"{path}/{number}", segment)
        for start in range(0, segment.rows, segment.batch):
            rows = min(segment.batch, segment.rows - start)
            arrays = tuple(_take(segment, streams, rows))
            yield Columns(segment.schema, rows, arrays, resolver, classes)


def _streams(store: ObjectStore, path: str, segment: SegmentSummary) -> list[ArrayStream]:
    return [
        ArrayStream(
            store,
            f"{path}/{spec.name}",
            array,
            chunk_codec(segment.codec, spec.dtype, spec.shape),
        )
        for spec, array in zip(arrays_of(segment.schema), segment.arrays, strict=True)
    ]


def _take(segment: SegmentSummary, streams: list[ArrayStream], rows: int) -> Iterator[Array]:
    size = 0
    for spec, stream in zip(arrays_of(segment.schema), streams, strict=True):
        if spec.unit == "offset":
            offsets = stream.take(rows + 1, keep=1)
            # The bytes come next, as the array that follows.
            size = int(offsets[-1] - offsets[0])
            yield offsets - offsets[0]
        else:
            yield stream.take(size if spec.unit == "byte" else rows)
