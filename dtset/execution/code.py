"""The user's code on its way to tasks: with each task if it is small, else through the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dtset.checkpoint.layout import run_path
from dtset.errors import ReadOnlyStoreError
from dtset.execution.shipping import Program, Shipment, receive
from dtset.execution.stage import TaskSettings

__all__ = ["StoredShipment", "program_of", "sent"]

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
        data = settings.store.get(shipment.path)
        shipment = Shipment(shipment.digest, data, shipment.python, shipment.distributions)
    return receive(shipment, settings.action)
