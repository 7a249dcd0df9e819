"""The kinds of a column: how elements of one exact type become arrays, and come back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from itertools import pairwise, repeat
from operator import attrgetter
from pickle import PicklingError
from typing import Any, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

import numpy as np

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
# What besides its kind a column's values share, such as their unit: names and values, in a fixed order.
Parameters: TypeAlias = "tuple[tuple[str, Any], ...]"
_T = TypeVar("_T")

FIXED_WEIGHT = 8
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


class Unfit(Exception):
    """Elements that no column can hold exactly; the message says which."""


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """An array that a column is made of.

    The `unit` is what it has one entry for: ``row``, ``byte``, or ``offset`` (rows and one more); `shape` that of an
    entry.
    """

    name: str
    dtype: str
    unit: str
    shape: tuple[int, ...] = ()


def _none(values: Sequence[Any]) -> Parameters:
    return ()


def _fixed(value: Any) -> int:
    return FIXED_WEIGHT


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of leaf column, of elements that are all of exactly one of its types.

    `parameters` tells what they share; `arrays`, `encode` and `decode` are given that by name. `weigh` tells about how
    many bytes a single one takes. All but `arrays` and `decode` raise `Unfit`.
    """

    name: str
    types: tuple[type, ...]
    arrays: Callable[..., tuple[ArraySpec, ...]]
    encode: Callable[..., tuple[Array, ...]]
    decode: Callable[..., list[Any]]
    parameters: Callable[[Sequence[Any]], Parameters] = _none
    weigh: Callable[[Any], int] = _fixed


def only(values: Iterable[_T], reason: str) -> _T:
    """Return what all values are; else the elements are unfit, for a reason."""
    found = set(values)
    if len(found) != 1:
        raise Unfit(reason)
    return found.pop()


def starts_of(lengths: Array) -> Array:
    """Return where each of consecutive items starts, and where the last one ends.

    Examples
    --------
    >>> starts_of(np.array([2, 0, 1])).tolist()
    [0, 2, 2, 3]
    """
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def _values(dtype: str) -> Callable[..., tuple[ArraySpec, ...]]:
    specs = (ArraySpec("values", dtype, "row"),)
    return lambda: specs


def _encode_int64(values: Sequence[int]) -> tuple[Array, ...]:
    try:
        return (np.fromiter(values, np.int64, len(values)),)
    except OverflowError:
        raise _too_large() from None


def _weigh_int64(value: int) -> int:
    if not _INT_MIN <= value <= _INT_MAX:
        raise _too_large()
    return FIXED_WEIGHT


def _too_large() -> Unfit:
    return Unfit("an int that does not fit 64 bits")


def _encoder(dtype: str) -> Callable[..., tuple[Array, ...]]:
    return lambda values: (np.fromiter(values, dtype, len(values)),)


def _decode_fixed(arrays: tuple[Array, ...]) -> list[Any]:
    values: list[Any] = arrays[0].tolist()
    return values


def _items() -> tuple[ArraySpec, ...]:
    return ITEMS


def _lengths(values: Sequence[str] | Sequence[bytes]) -> Array:
    return np.fromiter(map(len, values), np.int64, len(values))


def _encode_bytes(values: Sequence[bytes]) -> tuple[Array, ...]:
    return starts_of(_lengths(values)), np.frombuffer(b"".join(values), np.uint8)


def _decode_bytes(arrays: tuple[Array, ...]) -> list[bytes]:
    offsets, data = arrays[0].tolist(), arrays[1].tobytes()
    return [data[start:end] for start, end in pairwise(offsets)]


def _weigh_bytes(value: bytes) -> int:
    return FIXED_WEIGHT + len(value)


def _encode_text(values: Sequence[str]) -> tuple[Array, ...]:
    joined = "".join(values)
    data = _utf8(joined)
    offsets, array = starts_of(_lengths(values)), np.frombuffer(data, np.uint8)
    if len(data) != len(joined):
        # Offsets count characters so far; where the n-th character starts is seen in the bytes.
        offsets = np.append(np.flatnonzero(_starts_character(array)), len(data))[offsets]
    return offsets, array


def _decode_text(arrays: tuple[Array, ...]) -> list[str]:
    offsets, data = arrays
    text = data.tobytes().decode("utf-8")
    if len(text) != len(data):
        offsets = starts_of(_starts_character(data))[offsets]
    bounds = offsets.tolist()
    return [text[start:end] for start, end in pairwise(bounds)]


def _weigh_text(value: str) -> int:
    return FIXED_WEIGHT + (len(value) if value.isascii() else len(_utf8(value)))


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise Unfit("a str with a lone surrogate in it") from None


def _starts_character(data: Array) -> Array:
    # In UTF-8 the bytes 10xxxxxx, and only those, continue a character.
    starts: Array = (data & 0xC0) != 0x80
    return starts


# Dates and times. The proleptic Gregorian calendar, counted from 1970 as NumPy does.

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MICROSECONDS = {"days": 86_400_000_000, "hour": 3_600_000_000, "minute": 60_000_000}
_MICROSECONDS |= {"seconds": 1_000_000, "second": 1_000_000, "microseconds": 1, "microsecond": 1}
_MOST_DAYS = _INT_MAX // _MICROSECONDS["days"] - 1
_TIMES = (ArraySpec("values", "int64", "row"), ArraySpec("fold", "bool", "row"))


def _sum(values: Sequence[Any], *units: str) -> Array:
    """Return microseconds that are told by some attributes of the values."""
    total = np.zeros(len(values), np.int64)
    for unit in units:
        total += (
            np.fromiter(map(attrgetter(unit), values), np.int64, len(values)) * _MICROSECONDS[unit]
        )
    return total


def _encode_date(values: Sequence[date]) -> tuple[Array, ...]:
    return (np.fromiter(map(date.toordinal, values), np.int64, len(values)) - _EPOCH_DAY,)


def _decode_date(arrays: tuple[Array, ...]) -> list[date]:
    dates: list[date] = arrays[0].view("M8[D]").tolist()
    return dates


def _encode_timedelta(values: Sequence[timedelta]) -> tuple[Array, ...]:
    if values and not -_MOST_DAYS <= min(values).days <= max(values).days <= _MOST_DAYS:
        raise _too_long()
    return (_sum(values, "days", "seconds", "microseconds"),)


def _decode_timedelta(arrays: tuple[Array, ...]) -> list[timedelta]:
    times: list[timedelta] = arrays[0].view("m8[us]").tolist()
    return times


def _weigh_timedelta(value: timedelta) -> int:
    if not -_MOST_DAYS <= value.days <= _MOST_DAYS:
        raise _too_long()
    return FIXED_WEIGHT


def _too_long() -> Unfit:
    return Unfit("a timedelta that does not fit 64 bits of microseconds")


def _encode_datetime(values: Sequence[datetime], **_: object) -> tuple[Array, ...]:
    times = _encode_date(values)[0] * _MICROSECONDS["days"]
    times += _sum(values, "hour", "minute", "second", "microsecond")
    return times, np.fromiter(map(attrgetter("fold"), values), np.bool_, len(values))


def _decode_datetime(
    arrays: tuple[Array, ...], zone: str | None = None, offset: tuple[Any, ...] | None = None
) -> list[datetime]:
    times: list[datetime] = arrays[0].view("M8[us]").tolist()
    if zone is not None or offset is not None:
        here: tzinfo = ZoneInfo(zone) if zone is not None else _of_offset(*(offset or ()))
        times = list(map(datetime.combine, times, map(datetime.time, times), repeat(here)))
    for row in np.flatnonzero(arrays[1]).tolist():
        times[row] = times[row].replace(fold=1)
    return times


def _of_offset(microseconds: int, *name: str) -> timezone:
    return timezone(timedelta(microseconds=microseconds), *name)


def _zone_of_all(values: Sequence[datetime]) -> Parameters:
    # By identity: time zones are equal whatever their names.
    zones = {id(value.tzinfo): value.tzinfo for value in values}
    return only(map(_zone, zones.values()), "datetimes of different time zones")


def _zone(zone: tzinfo | None) -> Parameters:
    if zone is None:
        return ()
    if type(zone) is timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        return (("offset", (offset // timedelta(microseconds=1), *name)),)
    if type(zone) is ZoneInfo:
        # One that is not from the cache, or from a file, is not the object that its key gives.
        with suppress(PicklingError):
            if zone.__reduce__()[1] == (zone.key, True):
                return (("zone", zone.key),)
    raise Unfit(f"datetimes with a tzinfo of type {type(zone).__qualname__}")


def _weigh_datetime(value: datetime) -> int:
    _zone(value.tzinfo)
    return FIXED_WEIGHT


# NumPy's scalars and arrays. Dates and times are stored as 64-bit integers: Zarr has no others.

_DTYPES = {
    np.dtype(name).char: name
    for name in (
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    )
}
_SCALARS = tuple(np.dtype(name).type for name in _DTYPES.values())
_TIMED = (np.datetime64, np.timedelta64)


def dtype_name(dtype: np.dtype[Any]) -> str:
    """Return how schemas call a dtype of NumPy's, which stands for its values exactly."""
    name = dtype.name if dtype.kind in "mM" else _DTYPES.get(dtype.char)
    if name is None or not dtype.isnative or dtype.metadata is not None:
        raise Unfit(f"NumPy values of dtype {dtype}")
    return name


def stored_dtype(dtype: str) -> str:
    """Return the dtype of the array that holds values of a dtype."""
    return "int64" if np.dtype(dtype).kind in "mM" else dtype


def _dtype_of_all(values: Sequence[Any]) -> Parameters:
    if type(values[0]) in _TIMED:
        # Not by the dtypes: that of 1000 ms is equal to that of seconds.
        only(map(attrgetter("dtype.str"), values), "NumPy values of different units")
    return (("dtype", dtype_name(values[0].dtype)),)


def _scalar_arrays(dtype: str) -> tuple[ArraySpec, ...]:
    return (ArraySpec("values", stored_dtype(dtype), "row"),)


def _encode_scalar(values: Sequence[Any], dtype: str) -> tuple[Array, ...]:
    return (np.fromiter(values, dtype, len(values)).view(stored_dtype(dtype)),)


def _decode_scalar(arrays: tuple[Array, ...], dtype: str) -> list[Any]:
    return list(arrays[0].view(dtype))


def _shape_of_all(values: Sequence[Array]) -> Parameters:
    dtypes = {id(value.dtype): value.dtype for value in values}
    dtype = only(map(dtype_name, dtypes.values()), "arrays of different dtypes")
    shape = only(map(attrgetter("shape"), values), "arrays of different shapes")
    if not shape or 0 in shape or any(map(attrgetter("flags.fnc"), values)):
        raise Unfit("arrays without dimensions or elements, or in Fortran's order")
    return ("dtype", dtype), ("shape", shape)


def _array_arrays(dtype: str, shape: tuple[int, ...]) -> tuple[ArraySpec, ...]:
    return (ArraySpec("values", stored_dtype(dtype), "row", shape),)


def _encode_array(values: Sequence[Array], dtype: str, shape: tuple[int, ...]) -> tuple[Array, ...]:
    return (np.concatenate(values).view(stored_dtype(dtype)).reshape(len(values), *shape),)


def _decode_array(arrays: tuple[Array, ...], dtype: str, shape: tuple[int, ...]) -> list[Array]:
    # A copy: who is given an array may write to it.
    return list(arrays[0].view(dtype).copy())


def _weigh_array(value: Array) -> int:
    _shape_of_all((value,))
    return FIXED_WEIGHT + value.nbytes


ITEMS = (ArraySpec("offsets", "int64", "offset"), ArraySpec("data", "uint8", "byte"))

KINDS = {
    kind.name: kind
    for kind in (
        Kind("int64", (int,), _values("int64"), _encode_int64, _decode_fixed, weigh=_weigh_int64),
        Kind("float64", (float,), _values("float64"), _encoder("float64"), _decode_fixed),
        Kind("bool", (bool,), _values("bool"), _encoder("bool"), _decode_fixed),
        Kind(
            "complex128", (complex,), _values("complex128"), _encoder("complex128"), _decode_fixed
        ),
        Kind("text", (str,), _items, _encode_text, _decode_text, weigh=_weigh_text),
        Kind("bytes", (bytes,), _items, _encode_bytes, _decode_bytes, weigh=_weigh_bytes),
        Kind("date", (date,), _values("int64"), _encode_date, _decode_date),
        Kind(
            "timedelta",
            (timedelta,),
            _values("int64"),
            _encode_timedelta,
            _decode_timedelta,
            weigh=_weigh_timedelta,
        ),
        Kind(
            "datetime",
            (datetime,),
            lambda **_: _TIMES,
            _encode_datetime,
            _decode_datetime,
            _zone_of_all,
            _weigh_datetime,
        ),
        Kind(
            "scalar",
            _SCALARS + _TIMED,
            _scalar_arrays,
            _encode_scalar,
            _decode_scalar,
            _dtype_of_all,
        ),
        Kind(
            "array",
            (np.ndarray,),
            _array_arrays,
            _encode_array,
            _decode_array,
            _shape_of_all,
            _weigh_array,
        ),
    )
}
KIND_OF: dict[type, Kind] = {each: kind for kind in KINDS.values() for each in kind.types}
