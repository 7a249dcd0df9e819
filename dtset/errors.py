"""The errors dtset raises, as a tree grouped by what a handler would do.

::

    DTSetError
    ├── FingerprintError (TypeError)         change the function or value it names
    ├── CodeMismatchError (RuntimeError)     install the same code on the worker
    ├── StaleVariablesError (RuntimeError)   keep or reset the variables
    ├── SourceChangedError (RuntimeError)    start again: a file changed while it was read
    ├── JobNotFoundError (LookupError)       give another job ID or store
    ├── TSetNotFoundError (LookupError)      give a name that the job has persisted
    ├── JobRunningError (RuntimeError)       wait for, or stop, the other run
    ├── ConfigurationError (ValueError)      change an argument's or a setting's value
    ├── UsageError (TypeError)               call it, or write the function, in a form there is
    ├── EmptyTSetError (ValueError)          ask for a value only where there are elements
    └── StoreError (OSError)                 look at the store
        ├── ReadOnlyStoreError               give a store that one may write to
        ├── StoreNotSharedError              use a store that all workers reach
        ├── CorruptCheckpointError           clear what is damaged, or compute it anew
        └── UntrustedCheckpointError         find out who wrote it

An exception raised by a user's function is none of these: it keeps its type and
traceback, and gets a note that says where in the flow it was raised.
"""

from __future__ import annotations


class DTSetError(Exception):
    """Base of all errors that dtset itself raises."""


class FingerprintError(DTSetError, TypeError):
    """A function or value has no deterministic fingerprint; the message names the path to it."""


class CodeMismatchError(DTSetError, RuntimeError):
    """A worker cannot run the code that the driver fingerprinted."""


class StaleVariablesError(DTSetError, RuntimeError):
    """Driver state was committed by another program than the present one."""


class SourceChangedError(DTSetError, RuntimeError):
    """A source changed between being fingerprinted and being read."""


class JobNotFoundError(DTSetError, LookupError):
    """No job with this ID lies in this store."""


class TSetNotFoundError(DTSetError, LookupError):
    """The job has committed no TSet of this name."""


class JobRunningError(DTSetError, RuntimeError):
    """Another run of this job is alive."""


class ConfigurationError(DTSetError, ValueError):
    """The value of an argument or of a setting cannot be used."""


class UsageError(DTSetError, TypeError):
    """An operation was called, or a function given, in a form that there is not."""


class EmptyTSetError(DTSetError, ValueError):
    """A value was asked of a TSet without elements."""


class StoreError(DTSetError, OSError):
    """The checkpoint store cannot be read or written."""


class ReadOnlyStoreError(StoreError):
    """The checkpoint store refuses what is to be written: it may only be read."""


class StoreNotSharedError(StoreError):
    """A worker does not see the store that the driver sees."""


class CorruptCheckpointError(StoreError):
    """Stored data is not what its record says: names job, TSet, partition, expected and found."""


class UntrustedCheckpointError(StoreError):
    """Stored data is unsigned, altered or moved, or pickled where pickles are refused."""
