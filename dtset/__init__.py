"""Data flows on Dask that survive anything: TSet operations, persisted to Zarr, never stale.

Examples
--------
>>> import dtset
>>> with dtset.TSetEnvironment(store="memory://doctest", cluster="synchronous") as env:
...     env.range(5).map(lambda i: i * i).reduce(lambda a, b: a + b).first()
30
"""

from dtset.environment import TSetEnvironment
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
    UntrustedCheckpointError,
    UsageError,
)
from dtset.fingerprint import fingerprint, version
from dtset.functions import SourceFunc, TSetContext
from dtset.tset import CachedTSet, KeyedTSet, PersistedTSet, TSet

__version__ = "0.1.0"

__all__ = [
    "CachedTSet",
    "CodeMismatchError",
    "ConfigurationError",
    "CorruptCheckpointError",
    "DTSetError",
    "EmptyTSetError",
    "FingerprintError",
    "JobNotFoundError",
    "JobRunningError",
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
    "UntrustedCheckpointError",
    "UsageError",
    "fingerprint",
    "version",
]
