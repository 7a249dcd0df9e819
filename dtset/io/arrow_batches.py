"""Batches of Arrow's as batches: from its buffers to columns, without an object for each value where types allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np

from dtset.errors import ConfigurationError
from dtset.io.files import DataFile
from dtset.storage.batch import Batch, Rows
from dtset.storage.columns import Columns, to_columns
from dtset.storage.kinds import Array, Unfit
from dtset.storage.numpy_batches import records_of
from dtset.storage.schema import NONE, Schema

# Days and microseconds of what Python has dates and times for.
_DAYS = (-719_162, 2_932_896)
_TIMES = (_DAYS[0] * 86_400_000_000, (_DAYS[1] + 1) * 86_400_000_000 - 1)


def check_pyarrow(said: str) -> None:
    """Raise ConfigurationError where there is no pyarrow."""
    try:
        import_module("pyarrow.parquet")
    except ImportError as error:
        raise ConfigurationError(
            f"{said} needs pyarrow: install it, as with pip install 'dtset[parquet]'"
        ) from error


@contextmanager
def naming(said: str, where: str, advice: str) -> Iterator[None]:
    """Let errors of Arrow's name the file, and say what to do."""
    import pyarrow as pa

    try:
        yield
    except pa.ArrowException as error:
        raise ValueError(f"{said} cannot read {where}: {error}; {advice}") from error
    except OSError as error:
        error.add_note(f"in {where}")
        raise


def texts_of(said: str, what: str, given: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return different texts that were given, if some were."""
    if given is None:
        return None
    is_list = isinstance(given, Sequence) and not isinstance(given, str)
    if not is_list or not given or len({*map(str, given)}) < len(given):
        raise ConfigurationError(f"{said}: {what}={given!r}: give a list of different texts")
    return tuple(map(str, given))


def check_columns(
    said: str, file: DataFile, found: Sequence[str], columns: Sequence[str], *, all: bool = False
) -> None:
    """Raise ConfigurationError where a file lacks columns, has several of one name, or others where these are `all`."""
    missing = [name for name in columns if name not in found]
    if missing:
        raise ConfigurationError(
            f"{said}: {file.name} has no column {missing[0]!r}, but {list(found)}: choose some that all files have with columns="
        )
    twice = [name for name in columns if found.count(name) > 1]
    if twice:
        raise ConfigurationError(
            f"{said}: {file.name} has several columns {twice[0]!r}: choose others with columns="
        )
    if all and len(found) > len(columns):
        raise ConfigurationError(
            f"{said}: {file.name} has the columns {list(found)}, and others have {list(columns)}: choose some that all "
            "files have with columns="
        )


def from_arrow(batch: Any, *, as_dicts: bool) -> Batch:
    """Return the rows of a record batch: as named tuples, or as dicts.

    Examples
    --------
    >>> import pyarrow as pa
    >>> batch = pa.record_batch({"n": [1, None], "s": ["a", "b"]})
    >>> from_arrow(batch, as_dicts=False).rows()
    [Row(n=1, s='a'), Row(n=None, s='b')]
    """
    names = tuple(batch.schema.names)
    schema = Schema("dict" if as_dicts else "row", parameters=(("names", names),))
    return records_of(list(map(_column, batch.columns)), schema)


def _column(array: Any) -> Batch:
    import pyarrow as pa

    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if array.null_count == len(array):
        return Columns(NONE, len(array), ())
    found = _typed(array)
    if found is None:
        rows = array.to_pylist()
        try:
            return to_columns(rows)
        except Unfit:
            return Rows(rows)
    kind, arrays = found
    if not array.null_count:
        return Columns(Schema(kind), len(array), arrays)
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    return Columns(Schema(kind, optional=True), len(array), (valid, *arrays))


def _typed(array: Any) -> tuple[str, tuple[Array, ...]] | None:
    """Return kind and arrays of a column, with zeros for nulls; None where its values have to be objects."""
    import pyarrow as pa

    is_a, kind = pa.types, array.type
    if is_a.is_string(kind) or is_a.is_large_string(kind):
        array.validate(full=True)
        return "text", _items(array.cast(pa.large_string()).fill_null(""))
    if is_a.is_binary(kind) or is_a.is_large_binary(kind):
        return "bytes", _items(array.cast(pa.large_binary()).fill_null(b""))
    if is_a.is_boolean(kind):
        return "bool", (array.fill_null(False).to_numpy(zero_copy_only=False),)
    if is_a.is_integer(kind) and kind != pa.uint64():
        return "int64", (_numbers(array.cast(pa.int64())),)
    if is_a.is_float64(kind) or is_a.is_float32(kind):
        return "float64", (_numbers(array.cast(pa.float64())),)
    if is_a.is_date32(kind):
        days = _numbers(array.view(pa.int32()).cast(pa.int64()))
        return ("date", (days,)) if _is_within(days, _DAYS) else None
    if is_a.is_timestamp(kind) and kind.tz is None and kind.unit in ("us", "ms", "s"):
        numbers = _numbers(array.view(pa.int64()))
        scale = {"us": 1, "ms": 1000, "s": 1_000_000}[kind.unit]
        if not _is_within(numbers, (_TIMES[0] // scale, _TIMES[1] // scale)):
            return None
        return "datetime", (numbers * scale, np.zeros(len(array), np.bool_))
    return None


def _numbers(array: Any) -> Array:
    numbers: Array = array.fill_null(0).to_numpy()
    return numbers


def _is_within(numbers: Array, bounds: tuple[int, int]) -> bool:
    return bool(bounds[0] <= numbers.min() and numbers.max() <= bounds[1])


def _items(array: Any) -> tuple[Array, ...]:
    _, offsets, data = array.buffers()
    places = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    items = np.frombuffer(b"" if data is None else data, np.uint8)[places[0] : places[-1]]
    return places - places[0], items
