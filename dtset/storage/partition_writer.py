"""Writing one attempt at a partition."""

from __future__ import annotations

import numpy as np

from dtset.storage.arrays import ArraySink
from dtset.storage.batch import Batch, Encoder
from dtset.storage.codecs import DEFAULT_CODEC, check_codec, chunk_codec
from dtset.storage.objects import ObjectStore
from dtset.storage.partition_summary import PartitionSummary, SegmentSummary
from dtset.storage.pickling import ClassResolver
from dtset.storage.schema import arrays_of
from dtset.storage.segmenter import RowGroup, Segmenter
from dtset.storage.zarr_group import partition_documents

_DATA_CHUNK = 1 << 20


class PartitionWriter:
    """Streams a partition's elements to the store, chunk by chunk.

    The objects it writes depend on the elements only, not on the batches they came in, nor on whether
    these were rows or columns. Nothing counts until the caller has made it durable (`ObjectStore.sync`) and written a record with the
    summary.

    No other attempt uses its path. With a `resolver`, of pickled elements the first of each type is read back.

    Examples
    --------
    >>> from dtset.storage.batch import Rows, rows_of
    >>> from dtset.storage.opening import open_store
    >>> from dtset.storage.partition_reader import read_partition
    >>> store = open_store("memory://doctest-writer")
    >>> writer = PartitionWriter(store, "0-first")
    >>> writer.append(Rows([("a", 1), ("b", 2)]))
    >>> summary = writer.finish()
    >>> summary.rows, [entry.path for entry in store.list("0-first/0/f1.values")]
    (2, ['0-first/0/f1.values/c.0', '0-first/0/f1.values/zarr.json'])
    >>> list(rows_of(read_partition(store, "0-first", summary)))
    [('a', 1), ('b', 2)]
    >>> writer.abort()
    """

    def __init__(
        self,
        store: ObjectStore,
        path: str,
        *,
        codec: str = DEFAULT_CODEC,
        allow_pickle: bool = True,
        resolver: ClassResolver | None = None,
    ) -> None:
        self._codec = check_codec(codec)
        self._store = store
        self._path = path
        self._encoder = Encoder(allow_pickle, resolver)
        self._segmenter = Segmenter(self._encoder)
        self._segments: list[SegmentSummary] = []
        self._open: _SegmentSink | None = None
        self._nbytes = 0

    def append(self, batch: Batch) -> None:
        """Add elements."""
        for group in self._segmenter.feed(batch):
            self._write(group)

    def finish(self) -> PartitionSummary:
        """Write what is left, then the metadata; return what the record has to say."""
        for group in self._segmenter.finish():
            self._write(group)
        self._close()
        rows = sum(segment.rows for segment in self._segments)
        classes = tuple(sorted(self._encoder.classes))
        summary = PartitionSummary(rows, self._nbytes, tuple(self._segments), classes)
        for path, document in partition_documents(summary):
            self._store.put(f"{self._path}/{path}", document)
        return summary

    def abort(self) -> None:
        """Delete what was written."""
        self._store.delete(self._path)

    def _write(self, group: RowGroup) -> None:
        if group.opens:
            self._close()
            path = f"{self._path}/{len(self._segments)}"
            self._open = _SegmentSink(self._store, path, group, self._codec)
        if self._open is not None:
            self._open.push(group)
        if group.closes:
            self._close()

    def _close(self) -> None:
        if self._open is not None:
            self._segments.append(self._open.finish())
            self._nbytes += sum(sink.nbytes for sink in self._open.sinks)
            self._open = None


class _SegmentSink:
    """The arrays of a segment that is being written."""

    def __init__(self, store: ObjectStore, path: str, first: RowGroup, codec: str) -> None:
        self._schema = first.columns.schema
        self._batch = first.batch
        self._codec = codec
        self._rows = 0
        self._specs = arrays_of(self._schema)
        self.sinks = [
            ArraySink(
                store,
                f"{path}/{spec.name}",
                _DATA_CHUNK if spec.unit == "byte" else first.batch,
                chunk_codec(codec, spec.dtype, spec.shape),
            )
            for spec in self._specs
        ]
        # Of each offsets array, where the next batch's first item starts.
        self._starts = {
            spec: np.zeros(1, np.int64) for spec in self._specs if spec.unit == "offset"
        }

    def push(self, group: RowGroup) -> None:
        self._rows += len(group.columns)
        for spec, sink, array in zip(self._specs, self.sinks, group.columns.arrays, strict=True):
            if spec.unit == "offset":
                sink.push(array[:-1] + self._starts[spec])
                self._starts[spec] = self._starts[spec] + array[-1]
            else:
                sink.push(array)

    def finish(self) -> SegmentSummary:
        for spec, sink in zip(self._specs, self.sinks, strict=True):
            if spec.unit == "offset":
                sink.push(self._starts[spec])
        arrays = tuple(sink.finish() for sink in self.sinks)
        return SegmentSummary(self._schema, self._codec, self._rows, self._batch, arrays)
