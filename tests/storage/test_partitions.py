from __future__ import annotations

import hashlib
import json
import tracemalloc
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtset.errors import (
    ConfigurationError,
    CorruptCheckpointError,
    StoreError,
    UntrustedCheckpointError,
    UsageError,
)
from dtset.storage import segmenter
from dtset.storage.batch import Columns, Rows
from dtset.storage.blocks import decode_block, encode_block
from dtset.storage.local_store import LocalStore
from dtset.storage.objects import ObjectStore
from dtset.storage.opening import open_store
from dtset.storage.partition_reader import read_partition
from dtset.storage.partition_writer import PartitionSummary, PartitionWriter
from dtset.testing import FaultyStore
from tests.properties import examples
from tests.storage.values import Odd, Record, batches, encoded, strict


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return LocalStore(str(tmp_path), durable=False)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boundaries so close that a few elements cross all of them."""
    for name, value in {
        "SAMPLE_ROWS": 4,
        "TARGET_BYTES": 48,
        "LIMIT_BYTES": 160,
        "_PIECE_ROWS": 3,
    }.items():
        monkeypatch.setattr(segmenter, name, value)
    monkeypatch.setattr("dtset.storage.partition_writer._DATA_CHUNK", 16)


def write(store: ObjectStore, path: str, parts: list[Any], **options: Any) -> PartitionSummary:
    writer = PartitionWriter(store, path, **options)
    for part in parts:
        writer.append(part if isinstance(part, Columns) else Rows(list(part)))
    return writer.finish()


def read(store: ObjectStore, path: str, summary: PartitionSummary) -> list[Any]:
    return [element for batch in read_partition(store, path, summary) for element in batch.rows()]


def objects(store: ObjectStore, path: str) -> dict[str, bytes]:
    return {entry.path.removeprefix(path): store.get(entry.path) for entry in store.list(path)}


sequences = st.one_of(
    batches,
    st.lists(batches, max_size=6).map(lambda parts: [each for part in parts for each in part]),
    st.lists(
        st.tuples(st.text(max_size=60) | st.none(), st.integers(-5, 5) | st.none()), max_size=40
    ),
    st.lists(st.binary(max_size=100), max_size=40),
    st.lists(st.integers(-5, 5) | st.none() | st.just(10**30), max_size=60),
)
checked = settings(
    max_examples=examples(80),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@given(sequences)
@checked
def test_a_partition_comes_back_the_same(small: None, elements: list[Any]) -> None:
    store = open_store(f"memory://{uuid.uuid4().hex}")
    summary = write(store, "p", [elements])
    copy = PartitionSummary.from_json(json.loads(json.dumps(summary.to_json())))
    assert copy == summary
    assert copy.digest == summary.digest
    assert summary.rows == len(elements)
    assert summary.nbytes == sum(e.size for e in store.list("p") if not e.path.endswith(".json"))
    assert strict(read(store, "p", copy)) == strict(elements)
    store.delete("p")


@given(sequences, st.data())
@checked
def test_how_elements_were_appended_leaves_no_trace(
    small: None, elements: list[Any], data: Any
) -> None:
    store = open_store(f"memory://{uuid.uuid4().hex}")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(elements)), max_size=6)))
    parts = [elements[i:j] for i, j in zip([0, *cuts], [*cuts, len(elements)], strict=True)]
    ways = [[elements], parts, [[each] for each in elements]]
    summaries = [write(store, str(number), way) for number, way in enumerate(ways)]
    found = [objects(store, str(number)) for number in range(3)]
    assert summaries[0] == summaries[1] == summaries[2]
    assert found[0] == found[1] == found[2]
    for number in range(3):
        store.delete(str(number))


def mixed(data: Any, elements: list[Any]) -> list[Any]:
    """Elements in batches: rows, columns of just these, and cuts of columns with others around them."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(elements)), max_size=6)))
    parts: list[Any] = []
    for start, end in zip([0, *cuts], [*cuts, len(elements)], strict=True):
        way = data.draw(st.sampled_from(["rows", "columns", "cut", "taken", "block"]))
        before = data.draw(st.integers(0, start))
        after = data.draw(st.integers(end, len(elements)))
        around = slice(start - before, end - before)
        if way == "rows":
            parts.append(elements[start:end])
        elif way == "columns":
            parts.append(encoded(elements[start:end]))
        elif way == "block":
            parts += decode_block(encode_block(encoded(elements[before:after])[around]))
        elif way == "cut":
            parts.append(encoded(elements[before:after])[around])
        else:
            parts.append(encoded(elements[before:after]).take(np.arange(len(elements))[around]))
    return parts


@given(sequences, st.data())
@checked
def test_rows_and_columns_are_written_alike(small: None, elements: list[Any], data: Any) -> None:
    store = open_store(f"memory://{uuid.uuid4().hex}")
    parts = mixed(data, elements)
    summaries = [write(store, "rows", [elements]), write(store, "mixed", parts)]
    again = list(read_partition(store, "rows", summaries[0]))
    summaries.append(write(store, "again", again))
    assert summaries[0] == summaries[1] == summaries[2]
    assert objects(store, "rows") == objects(store, "mixed") == objects(store, "again")
    assert all(batch._decoded is None for batch in again)
    for path in ("rows", "mixed", "again"):
        store.delete(path)


def test_what_nobody_touched_is_not_pickled_again(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    elements = [Odd(f"{i}") for i in range(5000)] + [{i: "a"} for i in range(5000)]
    elements += [(i, [i]) for i in range(5000)]
    summary = write(store, "p", [elements])
    again = list(read_partition(store, "p", summary))
    for module in ("batch.dump_rows", "columns.load_rows", "batch.to_columns"):
        monkeypatch.setattr(f"dtset.storage.{module}", None)
    assert write(store, "q", again) == summary


def test_a_column_is_read_over_the_stored_bytes(store: ObjectStore) -> None:
    (batch,) = read_partition(store, "p", write(store, "p", [list(range(1000))]))
    (block,) = decode_block(encode_block(batch))
    for columns in (batch, block):
        assert not columns.arrays[0].flags.owndata
        assert not columns.arrays[0].flags.writeable
        assert columns.arrays[0].flags.aligned


@pytest.mark.parametrize("flow", [1, 3, 8, 100])
def test_rows_are_weighed_up_to_the_limit_and_no_further(
    small: None, monkeypatch: pytest.MonkeyPatch, store: ObjectStore, flow: int
) -> None:
    monkeypatch.setattr(segmenter, "SAMPLE_ROWS", 16)
    monkeypatch.setattr(segmenter, "TARGET_BYTES", 64)
    # Eight elements of 20 bytes reach the limit; with those after them, a group would have 4 rows.
    elements = [b"x" * 12] * 8 + [b""] * 20
    parts = [elements[start : start + flow] for start in range(0, len(elements), flow)]
    assert [segment.batch for segment in write(store, "p", parts).segments] == [2]


@pytest.mark.parametrize("flow", [1000, 8192, 300_000])
def test_long_partitions_are_chunked_alike(store: ObjectStore, flow: int) -> None:
    elements = [
        *range(300_000),
        *(f"word {i}" for i in range(100_000)),
        None,
        1.5,
        *("ü" * 40_000 for _ in range(300)),
    ]
    parts = [elements[start : start + flow] for start in range(0, len(elements), flow)]
    summary = write(store, "p", parts)
    assert read(store, "p", summary) == elements
    assert summary.digest == write(store, "q", [elements]).digest
    kinds = [(segment.schema.kind, segment.batch) for segment in summary.segments]
    assert kinds[0] == ("int64", 131_072)
    assert kinds[-1] == ("text", 16)
    assert max(len(chunk) for chunk in objects(store, "p").values()) < 9 << 20


@pytest.mark.parametrize(
    "element",
    ["x" * 1_000_000, b"x" * 1_000_000, 1 << 8_000_000, ["x" * 1_000_000]],
    ids=["text", "bytes", "int", "list"],
)
def test_elements_that_grow_are_not_held(store: ObjectStore, element: object) -> None:
    writer = PartitionWriter(store, "p", codec="none")
    writer.append(Rows([type(element)()] * 1000))
    tracemalloc.start()
    for _ in range(60):
        writer.append(Rows([element]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    summary = writer.finish()
    assert peak < 45 << 20
    assert summary.rows == 1060
    assert sum(len(batch) for batch in read_partition(store, "p", summary)) == 1060


def test_a_long_stream_holds_a_batch_or_two(store: ObjectStore) -> None:
    writer = PartitionWriter(store, "p")
    tracemalloc.start()
    for start in range(0, 3_000_000, 8192):
        writer.append(Rows(list(range(start, start + 8192))))
    summary = writer.finish()
    rows = sum(len(columns.arrays[0]) for columns in read_partition(store, "p", summary))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == summary.rows >= 3_000_000
    assert peak < 16 << 20


@pytest.mark.parametrize("codec", ["blosc-lz4", "zstd", "none"])
def test_every_codec_comes_back(store: ObjectStore, codec: str) -> None:
    elements = [(i, f"{i}", i / 3, i % 2 == 0, None if i % 5 else b"x") for i in range(100_000)]
    assert read(store, "p", write(store, "p", [elements], codec=codec)) == elements


def test_an_unknown_codec_is_found_before_anything_is_written(store: ObjectStore) -> None:
    with pytest.raises(ConfigurationError, match=r"'gzip'.*dtset\.codec.*blosc-lz4"):
        PartitionWriter(store, "p", codec="gzip")
    assert store.list("") == []


def test_batches_may_be_any_sequence(store: ObjectStore) -> None:
    summary = write(store, "p", [(1, 2), [], range(3, 5), [5]])
    assert read(store, "p", summary) == [1, 2, 3, 4, 5]


def test_a_none_here_and_there_does_not_cut_the_data_up(store: ObjectStore) -> None:
    elements: list[Any] = [i if i % 200_000 != 150_000 else None for i in range(1_500_000)]
    summary = write(store, "p", [elements])
    assert [segment.schema.optional for segment in summary.segments] == [False, True]
    assert read(store, "p", summary) == elements


def test_pickles_are_refused_where_they_are_not_allowed(store: ObjectStore) -> None:
    summary = write(store, "p", [[Odd("a")]])
    with pytest.raises(UntrustedCheckpointError, match=r"dtset\.pickle\.allow"):
        next(read_partition(store, "p", summary, allow_pickle=False))
    odd = encoded([1, 10**30, [1]])
    for parts in ([[[1]]], [[1], ["a"]], [[1, 10**30]], [odd], [odd[1:]], [odd[:2]]):
        with pytest.raises(UsageError, match=r"dtset\.pickle\.allow is false"):
            write(store, "q", parts, allow_pickle=False)
    assert read(store, "r", write(store, "r", [odd[:1]], allow_pickle=False)) == [1]


def test_abort_leaves_nothing(store: ObjectStore) -> None:
    writer = PartitionWriter(store, "p")
    writer.append(Rows(list(range(500_000))))
    assert store.list("p") != []
    writer.abort()
    assert store.list("p") == []


def test_metadata_is_written_after_all_data(store: ObjectStore) -> None:
    noted = FaultyStore(store)
    write(noted, "p", [list(range(300_000)), ["a"], [b"c"]])
    documents = [call.endswith("zarr.json") for call in noted.calls]
    assert documents == sorted(documents)
    assert noted.calls[-1] == "put p/zarr.json"


@pytest.mark.parametrize("how", ["before", "torn", "after"])
def test_a_store_that_fails_at_any_call_fails_the_write(tmp_path: Path, how: Any) -> None:
    elements = [("a", 1), ("b", None)] * 3
    behind = LocalStore(str(tmp_path), durable=False)
    counted = FaultyStore(behind)
    write(counted, "p", [elements])
    for number in range(1, len(counted.calls) + 1):
        store = FaultyStore(behind, number, how=how)
        with pytest.raises(StoreError, match="fails as it was told to"):
            write(store, f"{number}", [elements])


DAMAGED = [*range(10), None, *("text", b"bytes"), (1, "a"), Record("a", [1])] * 3


def _damages(data: bytes) -> Iterator[bytes | None]:
    yield None
    yield b""
    yield data[:-1]
    yield data + b"\0"
    for place in {0, len(data) // 2, len(data) - 1, *range(0, len(data), max(1, len(data) // 8))}:
        yield data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :]


@pytest.mark.parametrize("codec", ["blosc-lz4", "none"])
def test_any_damage_to_any_chunk_is_found(small: None, store: ObjectStore, codec: str) -> None:
    for number, elements in enumerate(
        [DAMAGED, list(range(50)), [("ab" * i, None, b"x") for i in range(30)]]
    ):
        summary = write(store, f"{number}", [elements], codec=codec)
        for path, data in objects(store, f"{number}").items():
            if path.endswith("zarr.json"):
                continue
            for damaged in _damages(data):
                if damaged is None:
                    store.delete(f"{number}{path}")
                else:
                    store.put(f"{number}{path}", damaged)
                with pytest.raises(
                    CorruptCheckpointError, match=f"{number}{path}.*expected.*found"
                ):
                    read(store, f"{number}", summary)
            store.put(f"{number}{path}", data)
        assert strict(read(store, f"{number}", summary)) == strict(elements)


def test_swapped_chunks_are_found(store: ObjectStore) -> None:
    summary = write(store, "p", [list(range(300_000))])
    one, other = (store.get(f"p/0/values/c.{number}") for number in (0, 1))
    store.put("p/0/values/c.0", other)
    store.put("p/0/values/c.1", one)
    with pytest.raises(CorruptCheckpointError, match=r"c\.0"):
        read(store, "p", summary)


def test_damage_is_found_before_anything_is_unpickled(store: ObjectStore) -> None:
    summary = write(store, "p", [[[1], [2]]], codec="none")
    evil = b"cbuiltins\nexec\n(S'raise SystemExit'\ntR."
    store.put("p/0/data/c.0", evil + b"\0\0\0\0")
    with pytest.raises(CorruptCheckpointError):
        read(store, "p", summary)


def test_metadata_is_not_needed_for_reading(store: ObjectStore) -> None:
    summary = write(store, "p", [["a", "b"], [1]])
    for path in objects(store, "p"):
        if path.endswith("zarr.json"):
            store.delete(f"p{path}")
    assert read(store, "p", summary) == ["a", "b", 1]


def test_data_of_another_format_are_not_read(store: ObjectStore) -> None:
    said = write(store, "p", [[1]]).to_json()
    with pytest.raises(CorruptCheckpointError, match="format 2, found one of format 1"):
        PartitionSummary.from_json({**said, "format": 1})


def test_digests_tell_data_apart(store: ObjectStore) -> None:
    variants: list[list[Any]] = [
        [],
        [None],
        [None, None],
        [1],
        [True],
        [1.0],
        ["1"],
        [b"1"],
        [(1,)],
        [()],
        [0],
        [-0.0],
        [0.0],
        [1, 0],
        [0, 1],
    ]
    digests = [write(store, f"{number}", [each]).digest for number, each in enumerate(variants)]
    assert len(set(digests)) == len(variants)
    assert all(len(bytes.fromhex(digest)) == hashlib.sha256().digest_size for digest in digests)


def test_nothing_heavy_is_imported() -> None:
    import subprocess
    import sys

    code = (
        "import sys, dtset.storage.partition_writer, dtset.storage.partition_reader, dtset.storage.blocks\n"
        "import dtset.storage.objects, dtset.storage.records, dtset.storage.zarr_group\n"
        "print([m for m in ('zarr', 'distributed', 'pandas', 'dask.array', 's3fs') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_columns_are_read_without_python_objects(store: ObjectStore) -> None:
    summary = write(store, "p", [[(i, i / 2) for i in range(10)]])
    (columns,) = read_partition(store, "p", summary)
    assert [array.dtype for array in columns.arrays] == [np.int64, np.float64]
