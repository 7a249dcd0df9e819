"""Blocks on their way through the store: an object for many, ordered by target, of which each target reads its stretch."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, TypeAlias

from dtset.checkpoint.layout import run_path
from dtset.errors import CorruptCheckpointError, ReadOnlyStoreError
from dtset.exchange.deal import Sent
from dtset.execution.stage import TaskSettings
from dtset.storage.objects import ObjectStore
from dtset.storage.records import seal, unseal


@dataclass(frozen=True, slots=True)
class Stretch:
    """Blocks of one target that lie one after the other in an object: where they begin, and the last one ends."""

    path: str
    bounds: tuple[int, ...]


Held: TypeAlias = bytes | Stretch


def exchange_path(settings: TaskSettings, name: str = "") -> str:
    """Where what an action's exchanges send through the store lies: it goes with the action."""
    folder = run_path(settings.job_id, settings.run_id, f"exchange/{settings.action}")
    return f"{folder}/{name}" if name else folder


def forget_exchanges(settings: TaskSettings) -> None:
    """Remove what an action's exchanges have sent through the store, where it can be written."""
    with suppress(ReadOnlyStoreError):
        settings.store.delete(exchange_path(settings))


def write_blocks(
    store: ObjectStore, path: str, blocks: Mapping[int, Sequence[bytes]]
) -> dict[int, Stretch]:
    """Write blocks, by target, as one object below a path that is this attempt's alone."""
    object_path = f"{path}-{uuid.uuid4().hex[:12]}"
    ordered = sorted(blocks.items())
    stretches, start = dict[int, Stretch](), 0
    for target, encoded in ordered:
        bounds = tuple(accumulate(map(len, encoded), initial=start))
        stretches[target], start = Stretch(object_path, bounds), bounds[-1]
    store.put(object_path, b"".join(block for _, encoded in ordered for block in encoded))
    return stretches


def read_blocks(store: ObjectStore, held: Held) -> Iterator[bytes]:
    """Give the blocks of a stretch, read at once; or the block that is at hand."""
    if isinstance(held, bytes):
        yield held
        return
    first, last = held.bounds[0], held.bounds[-1]
    try:
        data = store.get_range(held.path, first, last)
    except FileNotFoundError:
        data = b""
    if len(data) != last - first:
        raise CorruptCheckpointError(
            f"{store.url}/{held.path}, which holds what an exchange of this run sent, is gone or was cut: expected bytes "
            f"{first} to {last}, found {len(data)} of them. Run the action again"
        )
    for start, end in pairwise(held.bounds):
        yield data[start - first : end - first]


def find_sent(store: ObjectStore, path: str) -> Sent | None:
    """Return what an earlier attempt of this action sent of a partition, if it said so."""
    try:
        record = unseal(store.get(f"{path}.json"))
    except FileNotFoundError:
        return None
    if record is None or record["path"] != path:
        return None
    blocks = {
        target: [Stretch(object_path, tuple(bounds)) for object_path, bounds in stretches]
        for target, stretches in record["blocks"]
    }
    return Sent(record["side"], blocks, record["digest"], dict(record["skipped"]))


def note_sent(store: ObjectStore, path: str, sent: Sent) -> Sent:
    """Say what was sent of a partition; return what counts, which another attempt may have said first."""
    stretches: Any = [
        (target, [(held.path, held.bounds) for held in blocks if isinstance(held, Stretch)])
        for target, blocks in sent.blocks.items()
    ]
    record = {
        "path": path,
        "attempt": uuid.uuid4().hex,
        "side": sent.side,
        "digest": sent.digest,
        "blocks": stretches,
        "skipped": list(sent.skipped.items()),
    }
    is_first = store.create(f"{path}.json", seal(record))
    return sent if is_first else find_sent(store, path) or sent
