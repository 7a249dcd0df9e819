"""Time of the storage layer, part by part: `python benchmarks/storage.py [FOLDER]`."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from dtset.storage.batch import Rows, rows_of
from dtset.storage.blocks import decode_block, encode_block
from dtset.storage.local_store import LocalStore
from dtset.storage.objects import ObjectStore
from dtset.storage.partition_reader import read_partition
from dtset.storage.partition_writer import PartitionSummary, PartitionWriter

ROUNDS = 5
MILLION = 1_000_000


class Record:
    """An element that has to be pickled."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = f"name{number}"


def write(store: ObjectStore, path: str, elements: list[object], flow: int) -> PartitionSummary:
    writer = PartitionWriter(store, path)
    for start in range(0, len(elements), flow):
        writer.append(Rows(elements[start : start + flow]))
    return writer.finish()


def read(store: ObjectStore, path: str, summary: PartitionSummary) -> int:
    return sum(1 for _ in rows_of(read_partition(store, path, summary)))


def copy(store: ObjectStore, path: str, summary: PartitionSummary) -> PartitionSummary:
    """Read a partition and write it elsewhere, as a persist of a load does."""
    writer = PartitionWriter(store, path)
    for batch in read_partition(store, "read", summary):
        writer.append(batch)
    return writer.finish()


def best(call: Callable[[int], object]) -> float:
    seconds = []
    for number in range(ROUNDS):
        began = time.perf_counter()
        call(number)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def large(store: ObjectStore) -> None:
    kinds: dict[str, list[object]] = {
        "1 M int": [i * 5 + 2 for i in range(MILLION)],
        "1 M int or None": [i if i % 7 else None for i in range(MILLION)],
        "1 M float": [i / 7 for i in range(MILLION)],
        "1 M short text": [f"word{i % 50_000}" for i in range(MILLION)],
        "1 M text, not ASCII": [f"wörd{i % 50_000}" for i in range(MILLION)],
        "1 M (text, int)": [(f"word{i % 50_000}", i) for i in range(MILLION)],
        "100 k objects (pickled)": [Record(i) for i in range(MILLION // 10)],
        "100 k dicts (pickled)": [{"a": i, "b": str(i)} for i in range(MILLION // 10)],
    }
    print(
        f"{'elements':28} {'write':>8} {'read':>8} {'copy':>8} {'block':>8} {'unblock':>8}  ms      MB"
    )
    for name, elements in kinds.items():
        written = best(lambda n, e=elements: write(store, f"{n}", e, 8192))
        summary = write(store, "read", elements, 8192)
        loaded = best(lambda _, s=summary: read(store, "read", s))
        copied = best(lambda n, s=summary: copy(store, f"{n}", s))
        blocked = best(lambda _, e=elements: encode_block(Rows(e)))
        block = encode_block(Rows(elements))
        unblocked = best(lambda _, b=block: list(rows_of(decode_block(b))))
        times = " ".join(f"{t * 1000:8.1f}" for t in (written, loaded, copied, blocked, unblocked))
        print(f"{name:28} {times}   {summary.nbytes / 1e6:8.2f}")


def small(store: ObjectStore, partitions: int = 1000) -> None:
    elements: list[object] = list(range(10))
    began = time.perf_counter()
    summaries = {f"{n}-a": write(store, f"small/{n}-a", elements, 8192) for n in range(partitions)}
    written = time.perf_counter()
    for name in summaries:
        store.sync(f"small/{name}")
    synced = time.perf_counter()
    for name in summaries:
        store.create(f"parts/{name}.json", b"{}")
    created = time.perf_counter()
    for name, summary in summaries.items():
        read(store, f"small/{name}", summary)
    loaded = time.perf_counter()
    print(
        f"{partitions} partitions of 10: write {written - began:.3f} s, flush {synced - written:.3f} s, "
        f"records {created - synced:.3f} s, read {loaded - created:.3f} s"
    )


def main() -> None:
    folder = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(dir=folder) as place:
        large(LocalStore(str(Path(place) / "large")))
        small(LocalStore(str(Path(place) / "durable")))
        small(LocalStore(str(Path(place) / "fast"), durable=False))


if __name__ == "__main__":
    main()
