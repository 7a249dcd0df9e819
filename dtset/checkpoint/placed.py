"""Records that say where they belong, so that one that was moved or copied is told from one that was written there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from dtset.errors import CorruptCheckpointError, StoreError
from dtset.storage.objects import ObjectStore
from dtset.storage.records import seal, unseal

FORMAT = 3
_T = TypeVar("_T")


def placed(path: str, fields: Mapping[str, Any]) -> bytes:
    """Encode a record that is to be written to a path, and counts nowhere else."""
    return seal({"format": FORMAT, "path": path, **fields})


def commit_placed(
    store: ObjectStore,
    path: str,
    fields: Mapping[str, Any],
    own: _T,
    find: Callable[[], _T | None],
    *,
    replace: bool = False,
) -> _T:
    """Write the record of `own`, unless a whole one is there that stays; return what counts."""
    record = placed(path, fields)
    if not replace:
        if store.create(path, record):
            return own
        if (winner := find()) is not None:
            return winner
    # What is there is to go, or is torn: that never counted for anybody, so that replacing it loses nothing.
    store.put(path, record, durable=True)
    if (winner := find()) is None:
        raise StoreError(
            f"{store.url}/{path} was written but cannot be read back: look at the store"
        )
    return winner


def find_whole(store: ObjectStore, path: str) -> dict[str, Any] | None:
    """Find a record of any format and any path; None if there is none, or a torn one."""
    try:
        return unseal(store.get(path))
    except FileNotFoundError:
        return None


def find_note(store: ObjectStore, path: str) -> dict[str, Any] | None:
    """Find a record that no data depend on: one of another format, or of another path, counts as absent."""
    record = find_whole(store, path)
    return None if record is None or _place(record) != (FORMAT, path) else _fields(record)


def find_placed(store: ObjectStore, path: str, *, said: str, way_out: str) -> dict[str, Any] | None:
    """Find a record; a torn one counts as absent, one of another format or path is an error.

    Messages call it what is `said`, and give the `way_out` for one that is not of this path.
    """
    record = find_whole(store, path)
    if record is None:
        return None
    if _place(record) != (FORMAT, path):
        found = json.dumps({name: record.get(name) for name in ("format", "path")})
        raise CorruptCheckpointError(
            f"{store.url}/{path}: expected {said}, in format {FORMAT}; found {found}. "
            f"If it was moved here, move it back; else {way_out}"
        )
    return _fields(record)


def _place(record: Mapping[str, Any]) -> tuple[Any, Any]:
    return record.get("format"), record.get("path")


def _fields(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in ("format", "path")}
