"""Data flows on Dask that survive anything: TSet operations, persisted to Zarr, never stale.

Examples
--------
>>> import dtset
>>> with dtset.TSetEnvironment(store="memory://doctest", cluster="synchronous") as env:
...     env.range(5).map(lambda i: i * i).reduce(lambda a, b: a + b).first()
30
"""

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
from dtset.functions import DataPartition, JoinedTuple, SourceFunc, TSetContext
from dtset.tset.tset import CachedTSet, KeyedTSet, PersistedTSet, TSet

if TYPE_CHECKING:
    from dtset.environment import TSetEnvironment

__version__ = "0.1.0"

__all__ = [
    "CachedTSet",
    "CodeMismatchError",
    "ConfigurationError",
    "CorruptCheckpointError",
    "DTSetError",
    "DataPartition",
    "EmptyTSetError",
    "FingerprintError",
    "JobNotFoundError",
    "JobRunningError",
    "JoinedTuple",
    "KeyedTSet",
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


def __getattr__(name: str) -> object:
    """Import the environment when it is asked for: every start of ``dask`` imports this module."""
    if name == "TSetEnvironment":
        from dtset.environment import TSetEnvironment

        return TSetEnvironment
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
