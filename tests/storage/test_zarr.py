from __future__ import annotations

import json
import warnings
from datetime import date, datetime, timedelta
from inspect import signature
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dtset.storage.batch import Rows, rows_of
from dtset.storage.local_store import LocalStore
from dtset.storage.objects import ObjectStore
from dtset.storage.opening import open_store
from dtset.storage.partition_reader import read_partition
from dtset.storage.partition_summary import ArraySummary
from dtset.storage.partition_writer import PartitionSummary, PartitionWriter
from dtset.storage.zarr_group import root_metadata
from tests.storage.values import Frozen, Point, strict

zarr = pytest.importorskip("zarr")

COLUMNS: dict[str, list[Any]] = {
    "ints": [i * i for i in range(1000)],
    "floats": [i / 7 for i in range(999)] + [float("nan")],
    "bools": [i % 3 == 0 for i in range(10)],
    "texts": [f"wörd {i}" for i in range(500)],
    "bytes": [bytes([i]) * i for i in range(200)],
    "blank": ["", "", ""],
    "none": [None, None],
    "some": [None if i % 2 else i for i in range(20)],
    "some_texts": [None if i % 2 else f"{i}" for i in range(20)],
    "pairs": [(f"k{i}", i, (i / 2, None)) for i in range(50)],
    "zeros": [0] * 300_000,
    "long": list(range(400_000)),
    "long_texts": [f"text number {i}" for i in range(200_000)],
    "long_bools": [i % 7 == 0 for i in range(400_000)],
    "full": list(range(131_072)),
    "two": list(range(262_144)),
    "empty": [],
    "complex": [complex(i, -i) for i in range(100)],
    "dates": [date(2020, 1, 1) + timedelta(i) for i in range(100)],
    "times": [None, *(datetime(2020, 1, 1) + timedelta(microseconds=i) for i in range(100))],
    "spans": [timedelta(-1, 5, i) for i in range(100)],
    "int8": list(np.arange(100, dtype=np.int8)),
    "float16": list(np.arange(100, dtype=np.float16)),
    "complex64": list(np.arange(100, dtype=np.complex64)),
    "uint32": list(np.arange(100, dtype=np.uint32)),
    "seconds": list(np.arange(100).astype("M8[s]")),
    "arrays": list(np.arange(600.0).reshape(100, 2, 3)),
    "long_arrays": list(np.arange(300_000, dtype=np.int16).reshape(150_000, 2)),
    "records": [{"a": i, "b": f"{i}"} for i in range(10)],
    "classes": [Frozen("a", i) for i in range(10)],
    "named": [Point(i, None) for i in range(10)],
}


def write(store: ObjectStore, codec: str) -> dict[str, PartitionSummary]:
    summaries = {}
    for name, elements in COLUMNS.items():
        writer = PartitionWriter(store, f"data.zarr/{name}-a", codec=codec)
        writer.append(Rows(elements))
        summaries[f"{name}-a"] = writer.finish()
    orphan = PartitionWriter(store, "data.zarr/ints-b")
    orphan.append(Rows([1, 2, 3]))
    orphan.finish()
    store.put("data.zarr/zarr.json", root_metadata(summaries))
    return summaries


def plain(group: Any, schema: dict[str, Any], rows: int, prefix: str = "") -> list[Any]:
    """Read a column as docs/store-format.md says, with nothing but zarr."""
    if schema["kind"] == "none":
        return [None] * rows
    if schema["kind"] in ("tuple", "dict", "namedtuple", "dataclass"):
        fields = [
            plain(group, field, rows, f"{prefix}f{n}.") for n, field in enumerate(schema["fields"])
        ]
        values: list[Any] = list(zip(*fields, strict=True))
        names = schema.get("names")
        if schema["kind"] == "dict":
            values = [dict(zip(names, value, strict=True)) for value in values]
        elif names is not None:
            made: Any = {"Frozen": Frozen, "Point": Point}[schema["class"][1]]
            assert list(signature(made).parameters) == names
            values = [made(*value) for value in values]
    elif schema["kind"] in ("text", "bytes"):
        offsets, data = group[f"{prefix}offsets"][:], group[f"{prefix}data"][:].tobytes()
        assert len(offsets) == rows + 1
        values = [data[a:b] for a, b in pairwise(offsets)]
        if schema["kind"] == "text":
            values = [value.decode() for value in values]
    elif schema["kind"] in ("scalar", "array"):
        values = list(group[f"{prefix}values"][:].view(schema["dtype"]))
    else:
        unit = {"date": "M8[D]", "datetime": "M8[us]", "timedelta": "m8[us]"}.get(schema["kind"])
        found = group[f"{prefix}values"][:]
        values = (found if unit is None else found.view(unit)).tolist()
    if schema.get("optional"):
        valid = group[f"{prefix}valid"][:]
        values = [value if there else None for value, there in zip(values, valid, strict=True)]
    return values


@pytest.mark.parametrize("codec", ["blosc-lz4", "zstd", "none"])
def test_plain_zarr_reads_everything(tmp_path: Path, codec: str) -> None:
    store = LocalStore(str(tmp_path), durable=False)
    summaries = write(store, codec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root = zarr.open_group(str(tmp_path / "data.zarr"), mode="r")
    assert sorted(root.group_keys()) == sorted(summaries)
    assert root.attrs["dtset"]["partitions"] == list(summaries)
    assert root.attrs["dtset"]["rows"] == sum(map(len, COLUMNS.values()))
    for name, elements in COLUMNS.items():
        for group in (
            root[f"{name}-a"],
            zarr.open_group(str(tmp_path / f"data.zarr/{name}-a"), mode="r"),
        ):
            assert group.attrs["dtset"]["rows"] == len(elements)
            found: list[Any] = []
            for number in range(len(list(group.group_keys()))):
                segment = group[str(number)]
                described = segment.attrs["dtset"]
                found += plain(segment, described["schema"], described["rows"])
            assert strict(found) == strict(elements)


def test_arrays_of_one_chunk_have_its_shape(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path), durable=False)
    summaries = write(store, "blosc-lz4")
    for name, summary in summaries.items():
        for segment in summary.segments:
            for array in segment.arrays:
                assert len(array.digests) == -(-array.length // array.chunk), name
                if len(array.digests) == 1:
                    assert array.chunk == array.length
    assert summaries["full-a"].segments[0].arrays[0].chunk == 131_072
    assert len(summaries["long-a"].segments[0].arrays[0].digests) == 4


def test_fill_value_chunks_are_written(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path), durable=False)
    write(store, "blosc-lz4")
    assert len(store.list("data.zarr/zeros-a/0/values")) == 3 + 1


def test_consolidated_metadata_is_what_the_nodes_hold(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path), durable=False)
    summaries = write(store, "zstd")
    consolidated = json.loads(store.get("data.zarr/zarr.json"))["consolidated_metadata"]["metadata"]
    nodes = {
        entry.path.removeprefix("data.zarr/").removesuffix("/zarr.json"): json.loads(
            store.get(entry.path)
        )
        for entry in store.list("data.zarr")
        if entry.path.endswith("/zarr.json") and entry.path != "data.zarr/zarr.json"
    }
    assert consolidated == {
        path: node for path, node in nodes.items() if not path.startswith("ints-b")
    }
    assert {path.partition("/")[0] for path in consolidated} == set(summaries)


def test_what_zarr_writes_under_the_same_metadata_is_read(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path), durable=False)
    summaries = write(store, "blosc-lz4")
    summary = summaries["long-a"]
    array = zarr.open_array(str(tmp_path / "data.zarr/long-a/0/values"), mode="r+")
    rng = np.random.default_rng(0)
    values = rng.integers(-(2**62), 2**62, array.shape[0])
    array[:] = values
    import hashlib
    from dataclasses import replace

    chunks = [store.get(f"data.zarr/long-a/0/values/c.{number}") for number in range(4)]
    digests = tuple(hashlib.sha256(chunk).hexdigest() for chunk in chunks)
    (segment,) = summary.segments
    rewritten = ArraySummary(segment.arrays[0].length, segment.arrays[0].chunk, digests)
    other = replace(summary, segments=(replace(segment, arrays=(rewritten,)),))
    found = list(rows_of(read_partition(store, "data.zarr/long-a", other)))
    assert found == values.tolist()


def test_zarr_and_dtset_encode_the_same_bytes(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path), durable=False)
    write(store, "blosc-lz4")
    for path in (
        "ints-a/0/values",
        "texts-a/0/data",
        "bools-a/0/values",
        "long-a/0/values",
        *(
            f"{name}-a/0/values"
            for name in ("int8", "float16", "complex", "complex64", "arrays", "long_arrays")
        ),
    ):
        array = zarr.open_array(str(tmp_path / "data.zarr" / path), mode="r+")
        first = f"data.zarr/{path}/c{'.0' * array.ndim}"
        before = store.get(first)
        array[: array.chunks[0]] = array[: array.chunks[0]]
        assert store.get(first) == before


def test_plain_zarr_reads_from_s3(s3_url: str, s3_options: dict[str, Any]) -> None:
    store = open_store(s3_url, s3_options)
    writer = PartitionWriter(store, "data.zarr/0-a")
    writer.append(Rows([("a", 1), ("b", 2)]))
    summary = writer.finish()
    store.put("data.zarr/zarr.json", root_metadata({"0-a": summary}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root = zarr.open_group(f"{s3_url}/data.zarr", mode="r", storage_options=s3_options)
    assert root["0-a/0/f1.values"][:].tolist() == [1, 2]
    assert list(rows_of(read_partition(store, "data.zarr/0-a", summary))) == [("a", 1), ("b", 2)]
