"""The user's code on its way to tasks: with each task if it is small, else through the store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from dtset.checkpoint.layout import run_path
from dtset.errors import CorruptCheckpointError, ReadOnlyStoreError
from dtset.execution.shipping import Program, Shipment, receive
from dtset.execution.stage import TaskSettings
from dtset.storage.objects import ObjectStore

# A task of its own, that all others depend on, would be cheaper; but Dask runs what depends on a large
# result where that result is, on one worker.
_LARGEST_INLINE = 2**16


@dataclass(frozen=True)
class StoredShipment:
    """Code that lies in the store, until the run ends."""

    path: str
    digest: str
    python: tuple[int, int]
    distributions: Mapping[str, str]


def sent(shipment: Shipment, settings: TaskSettings) -> Shipment | StoredShipment:
    """Bring code to where tasks can read it."""
    if len(shipment.data) <= _LARGEST_INLINE:
        return shipment
    path = run_path(settings.job_id, settings.run_id, f"sources/code-{shipment.digest}")
    try:
        settings.store.put(path, shipment.data)
    except ReadOnlyStoreError:
        return shipment
    return StoredShipment(path, shipment.digest, shipment.python, shipment.distributions)


def program_of(shipment: Shipment | StoredShipment, settings: TaskSettings) -> Program:
    """Load code on the worker that runs it; once for an action in each process."""
    if isinstance(shipment, StoredShipment):
        data = _verified(settings.store, shipment)
        shipment = Shipment(shipment.digest, data, shipment.python, shipment.distributions)
    return receive(shipment, settings.action)


def _verified(store: ObjectStore, shipment: StoredShipment) -> bytes:
    """Read code that lies in the store: what is loaded is what the driver sent, which the digest came with."""
    try:
        data = store.get(shipment.path)
    except FileNotFoundError:
        raise CorruptCheckpointError(
            f"the code of this run is gone from the store: {store.url}/{shipment.path}. Something removes objects: "
            "stop it, and start the job again"
        ) from None
    found = hashlib.sha256(data).hexdigest()
    if found != shipment.digest:
        raise CorruptCheckpointError(
            f"the code of this run was altered in the store: {store.url}/{shipment.path}: expected digest "
            f"{shipment.digest}, found {found} ({len(data)} bytes). None of it was run: start the job again"
        )
    return data
