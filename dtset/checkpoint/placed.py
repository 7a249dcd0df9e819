"""Records that say where they belong, so that one that was moved is told from one that was written there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dtset.errors import CorruptCheckpointError
from dtset.storage.objects import ObjectStore
from dtset.storage.records import unseal

__all__ = ["find_placed"]


def find_placed(
    store: ObjectStore, path: str, expected: Mapping[str, Any], *, said: str, way_out: str
) -> dict[str, Any] | None:
    """Find a record; a torn one counts as absent.

    Parameters
    ----------
    store : ObjectStore
        Where to look.
    path : str
        The record's path.
    expected : mapping
        Fields that tell where it belongs, with what they have to be.
    said : str
        What messages call it.
    way_out : str
        What to do with one that is none of this path.

    Raises
    ------
    CorruptCheckpointError
        The record is whole, but of another format or another place than its path says.
    """
    try:
        record = unseal(store.get(path))
    except FileNotFoundError:
        return None
    if record is None:
        return None
    found = {name: record.get(name) for name in expected}
    if found != dict(expected):
        raise CorruptCheckpointError(
            f"{store.url}/{path}: expected {said}, in format {expected['format']}; found {json.dumps(found)}. "
            f"If it was moved here, move it back; else {way_out}"
        )
    return record
