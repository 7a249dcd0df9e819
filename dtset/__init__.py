"""Data flows on Dask that survive anything: TSet operations, persisted to Zarr, never stale.

Examples
--------
>>> import dtset
>>> with dtset.TSetEnvironment(store="memory://doctest", cluster="synchronous") as env:
...     env.range(5).map(lambda i: i * i).reduce(lambda a, b: a + b).first()
30
"""

from importlib import import_module
from typing import TYPE_CHECKING

from dtset.errors import (
    CodeMismatchError,
    ConfigurationError,
    CorruptCheckpointError,
    DTSetError,
    EmptyTSetError,
    FingerprintError,
    JobNotFoundError,
    JobRunningError,
    SourceChangedError,
    StaleVariablesError,
    StoreError,
    StoreNotSharedError,
    TSetNotFoundError,
    UntrustedCheckpointError,
    UsageError,
)
from dtset.fingerprint import fingerprint, version
from dtset.plan.attempts import Failed
from dtset.plan.context import TSetContext
from dtset.plan.partition_func import PartitionFunc
from dtset.plan.source_func import SourceFunc

if TYPE_CHECKING:
    from dtset.environment import TSetEnvironment
    from dtset.operators.data_partition import DataObject, DataPartition
    from dtset.operators.joins import JoinedTuple
    from dtset.tset.tset import CachedTSet, KeyedTSet, PersistedTSet, TSet

__version__ = "0.1.0"

__all__ = [
    "CachedTSet",
    "CodeMismatchError",
    "ConfigurationError",
    "CorruptCheckpointError",
    "DTSetError",
    "DataObject",
    "DataPartition",
    "EmptyTSetError",
    "Failed",
    "FingerprintError",
    "JobNotFoundError",
    "JobRunningError",
    "JoinedTuple",
    "KeyedTSet",
    "PartitionFunc",
    "PersistedTSet",
    "SourceChangedError",
    "SourceFunc",
    "StaleVariablesError",
    "StoreError",
    "StoreNotSharedError",
    "TSet",
    "TSetContext",
    "TSetEnvironment",
    "TSetNotFoundError",
    "UntrustedCheckpointError",
    "UsageError",
    "fingerprint",
    "version",
]


_LATER = {
    "dtset.environment": ("TSetEnvironment",),
    "dtset.operators.data_partition": ("DataObject", "DataPartition"),
    "dtset.operators.joins": ("JoinedTuple",),
    "dtset.tset.tset": ("CachedTSet", "KeyedTSet", "PersistedTSet", "TSet"),
}


def __getattr__(name: str) -> object:
    """Import what takes long when it is asked for: every start of ``dask`` imports this module."""
    if name == "testing":
        return import_module("dtset.testing")
    for module, names in _LATER.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What completion offers: also what is not imported yet."""
    return sorted({*globals(), *__all__, "testing"})
