"""Zarr metadata: what lets plain zarr open a partition, and a whole persisted TSet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dtset.storage.codecs import chunk_codec
from dtset.storage.kinds import ArraySpec
from dtset.storage.partition_summary import FORMAT, ArraySummary, PartitionSummary
from dtset.storage.schema import arrays_of

# By the first letter of a data type: float and complex numbers, bool; else integers.
_FILL_VALUES = {"f": 0.0, "c": [0.0, 0.0], "b": False}


def chunk_key(number: int, shape: tuple[int, ...] = ()) -> str:
    """Return where a chunk of an array, whose entries have a shape, lies below it.

    Examples
    --------
    >>> chunk_key(3), chunk_key(3, (2, 2))
    ('c.3', 'c.3.0.0')
    """
    return f"c.{number}" + ".0" * len(shape)


def partition_documents(summary: PartitionSummary) -> Iterator[tuple[str, bytes]]:
    """Give the metadata objects of a partition: path below it, and content; its own group last.

    Examples
    --------
    >>> [path for path, _ in partition_documents(PartitionSummary(0, 0, (), ()))]
    ['zarr.json']
    """
    nodes = list(_nodes(summary))
    for path, document in reversed(nodes):
        yield f"{path}/zarr.json".lstrip("/"), _encoded(document)


def object_names(summary: PartitionSummary) -> list[str]:
    """Paths of a partition's objects below it."""
    return [*(path for path, _ in partition_documents(summary)), *_chunk_names(summary)]


def _chunk_names(summary: PartitionSummary) -> list[str]:
    return [
        f"{number}/{spec.name}/{chunk_key(chunk, spec.shape)}"
        for number, segment in enumerate(summary.segments)
        for spec, array in zip(arrays_of(segment.schema), segment.arrays, strict=True)
        for chunk in range(len(array.digests))
    ]


def is_whole(summary: PartitionSummary, sizes: Mapping[str, int]) -> bool:
    """Whether a partition's objects are all there, given their sizes by their paths below it."""
    chunks = _chunk_names(summary)
    documents = {path: len(document) for path, document in partition_documents(summary)}
    return (
        sizes.keys() == documents.keys() | set(chunks)
        and all(sizes[path] == size for path, size in documents.items())
        and sum(sizes[path] for path in chunks) == summary.nbytes
    )


def root_metadata(partitions: Mapping[str, PartitionSummary]) -> bytes:
    """Return the ``zarr.json`` of the group that holds partitions, consolidated over just these.

    Others that lie beside them are not seen through the root.

    Examples
    --------
    >>> json.loads(root_metadata({}))["node_type"]
    'group'
    """
    consolidated = {}
    for name, summary in partitions.items():
        for path, document in _nodes(summary):
            consolidated[f"{name}/{path}".rstrip("/")] = document
    rows = sum(summary.rows for summary in partitions.values())
    root = _group({"format": FORMAT, "rows": rows, "partitions": list(partitions)})
    root["consolidated_metadata"] = {
        "kind": "inline",
        "must_understand": False,
        "metadata": consolidated,
    }
    return _encoded(root)


def _nodes(summary: PartitionSummary) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "", _group({"format": FORMAT, "rows": summary.rows, "digest": summary.digest})
    for number, segment in enumerate(summary.segments):
        described = {"rows": segment.rows, "schema": segment.schema.to_json()}
        yield str(number), _group(described)
        for spec, array in zip(arrays_of(segment.schema), segment.arrays, strict=True):
            yield f"{number}/{spec.name}", _array(spec, array, segment.codec)


def _group(attributes: dict[str, Any]) -> dict[str, Any]:
    return {"zarr_format": 3, "node_type": "group", "attributes": {"dtset": attributes}}


def _array(spec: ArraySpec, array: ArraySummary, codec: str) -> dict[str, Any]:
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [array.length, *spec.shape],
        "data_type": spec.dtype,
        "chunk_grid": {
            "name": "regular",
            "configuration": {"chunk_shape": [array.chunk, *spec.shape]},
        },
        # Keys without a folder of their own: one mkdir and one fsync fewer for every array.
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
        "fill_value": _FILL_VALUES.get(spec.dtype[0], 0),
        "codecs": chunk_codec(codec, spec.dtype).metadata(),
        "attributes": {},
        "storage_transformers": [],
    }


def _encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode("ascii")
