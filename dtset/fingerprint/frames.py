"""pandas and pyarrow objects, by content, without pickling their buffers."""

from __future__ import annotations

import hashlib
import sys
from functools import partial
from typing import Any

from dtset.fingerprint.description import Context, Description

_described = partial(Description.of, "frame", "part")


def describe_frame(value: Any, context: Context) -> Description | None:
    """Describe an object of pandas or pyarrow; None for what is none, or goes by its state."""
    module = type(value).__module__
    library = module.partition(".")[0]
    if library == "pandas" and "pandas" in sys.modules:
        return _pandas(sys.modules["pandas"], value)
    if library == "pyarrow" and "pyarrow" in sys.modules:
        return _arrow(sys.modules["pyarrow"], value)
    return None


def _pandas(pandas: Any, value: Any) -> Description | None:
    if isinstance(value, pandas.DataFrame | pandas.Series):
        if isinstance(value, pandas.DataFrame):
            data = tuple(value.iloc[:, number].array for number in range(value.shape[1]))
            parts = {"columns": value.columns, "index": value.index, "data": data}
        else:
            parts = {"name": value.name, "index": value.index, "data": value.array}
        unique = not value.flags.allows_duplicate_labels
        return _described(value, **parts, attrs=value.attrs, unique=unique)
    if isinstance(value, pandas.RangeIndex):
        return _described(value, name=value.name, range=(value.start, value.stop, value.step))
    if isinstance(value, pandas.MultiIndex):
        return _described(
            value, names=list(value.names), levels=tuple(value.levels), codes=tuple(value.codes)
        )
    if isinstance(value, pandas.Index):
        frequency = getattr(value, "freq", None)
        return _described(value, name=value.name, data=value.array, freq=frequency)
    if isinstance(value, pandas.api.extensions.ExtensionArray):
        return _extension(pandas, value)
    if isinstance(value, pandas.CategoricalDtype):
        return _described(value, categories=value.categories, ordered=value.ordered)
    return None


def _extension(pandas: Any, value: Any) -> Description | None:
    kinds = pandas.arrays
    if isinstance(value, pandas.Categorical):
        return _described(value, codes=value.codes, dtype=value.dtype)
    if isinstance(value, kinds.ArrowExtensionArray):
        return _described(value, data=_unchunked(value), dtype=str(value.dtype))
    if isinstance(value, (kinds.DatetimeArray, kinds.TimedeltaArray, kinds.PeriodArray)):
        return _described(value, data=value.asi8, dtype=str(value.dtype))
    if isinstance(value, (kinds.IntegerArray, kinds.FloatingArray, kinds.BooleanArray)):
        mask = value.isna()
        data = value._data.copy()
        # What lies below a missing value is nobody's.
        data[mask] = 0
        return _described(value, data=data, mask=mask, dtype=str(value.dtype))
    if isinstance(value, kinds.IntervalArray):
        return _described(value, left=value.left, right=value.right, closed=value.closed)
    if isinstance(value, kinds.NumpyExtensionArray):
        return _described(value, data=value.to_numpy(), dtype=str(value.dtype))
    return None


def _unchunked(value: Any) -> tuple[Any, Any]:
    """An Arrow-backed array as what it shows: its chunks, and what lies below missing values, are nobody's."""
    pyarrow: Any = sys.modules["pyarrow"]
    missing = value.isna()
    found = value.__arrow_array__()
    if isinstance(found, pyarrow.ChunkedArray):
        found = found.combine_chunks()
    return missing, found.drop_null()


def _arrow(pyarrow: Any, value: Any) -> Description | None:
    if isinstance(value, (pyarrow.Table, pyarrow.RecordBatch)):
        return _described(value, content=_streamed(pyarrow, value))
    if isinstance(value, (pyarrow.Array, pyarrow.ChunkedArray)):
        chunks = value.chunks if isinstance(value, pyarrow.ChunkedArray) else [value]
        schema = pyarrow.schema([("x", value.type)])
        batches = [pyarrow.RecordBatch.from_arrays([chunk], schema=schema) for chunk in chunks]
        table = pyarrow.Table.from_batches(batches, schema)
        return _described(value, content=_streamed(pyarrow, table))
    if isinstance(value, (pyarrow.Schema, pyarrow.DataType, pyarrow.Field)):
        field = pyarrow.field("x", value) if isinstance(value, pyarrow.DataType) else value
        schema = field if isinstance(field, pyarrow.Schema) else pyarrow.schema([field])
        return _described(value, content=schema.serialize().to_pybytes())
    if isinstance(value, pyarrow.Buffer):
        return _described(value, content=hashlib.sha256(value).digest())
    if isinstance(value, pyarrow.Scalar):
        return _described(value, content=pyarrow.array([value.as_py()], type=value.type))
    return None


class _Sink:
    """A file that keeps only the hash of what is written to it."""

    closed = False

    def __init__(self) -> None:
        self.state = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.state.update(data)
        return memoryview(data).nbytes

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""


def _streamed(pyarrow: Any, value: Any) -> bytes:
    """Hash Arrow's stream form, in which a slice is only what it shows of its buffers."""
    sink = _Sink()
    with pyarrow.ipc.new_stream(pyarrow.PythonFile(sink, mode="w"), value.schema) as writer:
        writer.write(value)
    return sink.state.digest()
