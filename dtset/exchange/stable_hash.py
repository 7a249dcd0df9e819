"""A hash that agrees with ``==`` and is the same in every process, for partitioning by key.

Keys are equal as they are in a ``dict``; but NaN is equal to NaN, wherever in a key it stands.
"""

from __future__ import annotations

import dataclasses
import enum
import sys
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from pathlib import PurePath, PureWindowsPath
from types import BuiltinFunctionType, FunctionType
from typing import Any
from uuid import UUID

_MASK = (1 << 64) - 1
MODULUS = sys.hash_info.modulus
SPREADING = 0x9E37_79B9_7F4A_7C15
FACTOR, START = 0x0100_0000_01B3, 0x345678
NAN, NONE = 0x7FF8_0000_0000_0000, 0xFFEE
_EPOCH = date(1970, 1, 1).toordinal()
NEVER_NAN = frozenset({str, bytes, int, bool, type(None)})
"""Types of keys that need not be asked for their `nan_token`, of which there may be millions."""

_NAT = NAN + 1
# In attoseconds, the finest unit that NumPy has, so that equal times are equal numbers.
_MICROSECOND = 10**12
_SECOND = 10**18
_UNITS: dict[str, int] = {
    "W": 604_800 * _SECOND,
    "D": 86_400 * _SECOND,
    "h": 3_600 * _SECOND,
    "m": 60 * _SECOND,
    **{
        unit: _SECOND // 1_000**n
        for n, unit in enumerate(("s", "ms", "us", "ns", "ps", "fs", "as"))
    },
}


def target_of(key: object, targets: int) -> int:
    """Partition that a key goes to.

    Examples
    --------
    >>> target_of("a", 4) == target_of("a", 4)
    True
    >>> target_of(1, 4) == target_of(1.0, 4) == target_of(True, 4)
    True
    """
    return stable_hash(key) % targets


def stable_hash(key: object) -> int:
    """Hash of a key: equal for keys that are one key in a ``dict``, in every process.

    Keys are numbers, text, bytes, None, tuples, frozen sets, ranges, enums, dates and times (also NumPy's and
    pandas's), paths, UUIDs, IP addresses and networks, classes, functions, hashable dataclasses, attrs classes and
    pydantic models, and instances of classes that define ``__dtset_hash__``.

    Examples
    --------
    >>> stable_hash((1, "a")) == stable_hash((True, "a"))
    True
    """
    # Keys such as 0, 4, 8 … must not all go to one partition: the bits are spread.
    bits = unspread_hash(key)
    bits = (bits ^ bits >> 32) * SPREADING & _MASK
    return bits ^ bits >> 32


def check_hashable(key: object) -> None:
    """Make sure that something can be a key, here and in every process; if not, it is a TypeError that says what can be."""
    unspread_hash(key)


def unspread_hash(key: object) -> int:
    """Return the hash of a key before its bits are spread: what hashes of tuples are made of."""
    return _kind_of(type(key)).hash(key) & _MASK


def nan_token(key: object) -> Hashable:
    """What is equal for keys that are equal but for NaNs in them; None for keys without any.

    A NaN is not equal to itself, and is another object wherever it was unpickled: of such keys, those with
    equal tokens are one.

    Examples
    --------
    >>> nan = float("nan")
    >>> nan_token(("a", nan)) == nan_token(("a", -nan)) != nan_token(("b", nan))
    True
    >>> nan_token(("a", 1)) is None
    True
    """
    return _token(key) if _has_nan(key) else None


@dataclass(frozen=True, slots=True)
class _Kind:
    """How keys of a type are hashed.

    `parts` are what ``==`` compares, and `tag` what it compares besides; `missing` stands for all keys that are not
    equal to themselves.
    """

    hash: Callable[[Any], int]
    parts: Callable[[Any], Iterable[Any]] | None = None
    gathered: Callable[[Iterable[Any]], Any] = tuple
    tag: Callable[[Any], Any] = type
    missing: str | None = None


def _has_nan(key: Any) -> bool:
    """Whether a key, or a part of it, is not equal to itself."""
    cls = type(key)
    if cls in NEVER_NAN or (cls is tuple and NEVER_NAN.issuperset(map(type, key))):
        return False
    kind = _kind_of(cls)
    if kind.parts is None:
        return kind.missing is not None and bool(key != key)
    return any(map(_has_nan, kind.parts(key)))


def _token(key: Any) -> Hashable:
    """Token of a key that has a NaN in it."""
    kind = _kind_of(type(key))
    if kind.parts is None:
        is_nan = kind.missing is not None and bool(key != key)
        return (kind.missing,) if is_nan else (None, key)
    return kind.tag(key), kind.gathered(map(_token, kind.parts(key)))


def _number(key: Any) -> int:
    """Hash a number: Python's own is unseeded, and equal for equal numbers of all types."""
    if key != key:
        return NAN
    value = hash(key)
    # Python's is the same for -1 and -2: many keys of one hash would be slow.
    return -1 if value == -2 and key == -1 else value


def _text(key: Any) -> int:
    """Hash text."""
    return _bytes(str.encode(key, "utf-8", "surrogatepass")) + 1


def _bytes(key: Any) -> int:
    """Hash bytes, as a number: `column_hash` does so for many at once."""
    return int.from_bytes(key, "big") % MODULUS + len(key)


def _sequence(key: Sequence[Any]) -> int:
    """Hash a tuple by its parts."""
    total = START + len(key)
    for part in key:
        total = (total ^ unspread_hash(part)) * FACTOR & _MASK
    return total


def _set(key: Any) -> int:
    """Hash a frozen set whatever the order of its members, and however many NaNs are among them."""
    return sum({unspread_hash((part,)) for part in key})


def _name(key: Any) -> int:
    """Hash a class or function by its name, without that of its module: a script's has several."""
    return _text(key.__qualname__)


def _named_member(key: Any) -> int:
    """Hash an enum's member that is equal to nothing else."""
    return _text(f"{type(key).__qualname__}.{key.name}")


def _datetime(key: Any) -> int:
    """Hash a datetime: an aware one by its instant, as ``==`` compares it."""
    since = timedelta(
        key.toordinal() - _EPOCH, key.second, key.microsecond, 0, key.minute, key.hour
    )
    # What `==` compares in one time zone are the figures on the clock: `fold` does not count.
    offset = key.replace(fold=0).utcoffset()
    return _instant(
        (since - (offset or timedelta())) // timedelta(microseconds=1) * _MICROSECOND, offset
    )


def _instant(attoseconds: int, offset: object) -> int:
    """Hash the time since 1970, of an unknown time zone if there is no offset."""
    return _sequence((1 if offset is None else 2, attoseconds))


def _time(key: Any) -> int:
    """Hash a time of day."""
    offset = key.replace(fold=0).utcoffset()
    moment = timedelta(
        hours=key.hour, minutes=key.minute, seconds=key.second, microseconds=key.microsecond
    )
    return _sequence((3, (moment - (offset or timedelta())) // timedelta(microseconds=1)))


def _duration(attoseconds: int) -> int:
    """Hash a length of time."""
    return _sequence((4, attoseconds))


def _datetime64(key: Any) -> int:
    """Hash one of NumPy's points in time, which have no time zone."""
    return _NAT if key != key else _instant(_attoseconds(key), None)


def _timedelta64(key: Any) -> int:
    """Hash one of NumPy's lengths of time; months, which have no length in days, are equal to their number."""
    import numpy as np

    if key != key:
        return _NAT
    unit, _ = np.datetime_data(key.dtype)
    if unit in ("Y", "M"):
        return int(key.astype("m8[M]").astype(np.int64))
    return _duration(_attoseconds(key))


def _attoseconds(key: Any) -> int:
    """NumPy's points in time, and lengths of time other than months, as whole numbers."""
    import numpy as np

    unit, count = np.datetime_data(key.dtype)
    if unit in ("Y", "M"):
        key, unit, count = key.astype("M8[D]"), "D", 1
    ticks: int = key.astype(np.int64).item()
    return ticks * int(count) * _UNITS[unit]


def _windows_path(key: Any) -> int:
    """Hash a path that is the same in capitals."""
    return _text(key.as_posix().lower())


def _address(key: Any) -> int:
    """Hash an IP address, of an interface as well."""
    return _sequence((key.version, int(key)))


def _network(key: Any) -> int:
    """Hash an IP network."""
    return _sequence((key.version, int(key.network_address), key.prefixlen))


def _range_parts(key: range) -> tuple[int | None, ...]:
    """What `==` compares of ranges: the numbers in them."""
    first, step = (key[0] if key else None), (key.step if len(key) > 1 else None)
    return len(key), first, step


def _compared(parts: Callable[[Any], Sequence[Any]], tag: Callable[[Any], object] = type) -> _Kind:
    """Kind of a class whose instances are equal if their parts are."""
    return _Kind(lambda key: _sequence(parts(key)), parts, tag=tag)


_NUMBER = _Kind(_number)
_MAYBE_NAN = _Kind(_number, missing="NaN")
_BUILTIN: dict[type, _Kind] = {
    str: _Kind(_text),
    bytes: _Kind(_bytes),
    int: _NUMBER,
    bool: _NUMBER,
    float: _MAYBE_NAN,
    complex: _MAYBE_NAN,
    Decimal: _MAYBE_NAN,
    Fraction: _NUMBER,
    tuple: _Kind(_sequence, iter, tag=lambda _: tuple),
    frozenset: _Kind(_set, iter, frozenset, tag=lambda _: frozenset),
    range: _Kind(lambda key: _sequence((6, *_range_parts(key)))),
    type(None): _Kind(lambda _: NONE),
    # At midnight: NumPy's days are equal to either.
    date: _Kind(lambda key: _instant((key.toordinal() - _EPOCH) * _UNITS["D"], None)),
    datetime: _Kind(_datetime),
    time: _Kind(_time),
    timedelta: _Kind(lambda key: _duration(key // timedelta(microseconds=1) * _MICROSECOND)),
    UUID: _Kind(lambda key: key.int ^ key.int >> 64),
    PureWindowsPath: _Kind(_windows_path),
    PurePath: _Kind(lambda key: _text(key.as_posix())),
    IPv4Interface: _Kind(_address),
    IPv6Interface: _Kind(_address),
    IPv4Address: _Kind(_address),
    IPv6Address: _Kind(_address),
    IPv4Network: _Kind(_network),
    IPv6Network: _Kind(_network),
    type: _Kind(_name),
    FunctionType: _Kind(_name),
    BuiltinFunctionType: _Kind(_name),
}


def _find_kind(cls: type) -> _Kind:
    """How keys of a type are hashed."""
    if hasattr(cls, "__dtset_hash__"):
        return _Kind(lambda key: unspread_hash(key.__dtset_hash__()))
    for base, kind in _BUILTIN.items():
        # A subclass that keeps its base's equality is equal to values of the base.
        if issubclass(cls, base) and _equality(cls) is _equality(base):
            return kind
    if issubclass(cls, enum.Enum) and _equality(cls) is _equality(object):
        return _Kind(_named_member)
    find = {"numpy": _numpy_kind, "pandas": _pandas_kind}.get(cls.__module__.partition(".")[0])
    found = (find or _kind_by_fields)(cls)
    if found is None:
        raise TypeError(
            f"keys of type {cls.__module__}.{cls.__qualname__} cannot be hashed the same everywhere: "
            "use a tuple of its parts as the key, make it a frozen dataclass, or define __dtset_hash__(), "
            "returning such a tuple that is equal for equal keys"
        )
    return found


_kind_of: Callable[[Any], _Kind] = lru_cache(maxsize=512)(_find_kind)


def _equality(cls: type) -> object:
    """What compares instances of a class."""
    return cls.__eq__


def _numpy_kind(cls: type) -> _Kind | None:
    """How NumPy's scalars are hashed."""
    import numpy as np

    if issubclass(cls, np.datetime64 | np.timedelta64):
        return _Kind(_datetime64 if cls is np.datetime64 else _timedelta64, missing="NaT")
    if issubclass(cls, np.number | np.bool_):
        return _MAYBE_NAN
    if issubclass(cls, np.str_ | np.bytes_):
        return _Kind(lambda key: unspread_hash(key.item()))
    return None


def _pandas_kind(cls: type) -> _Kind | None:
    """How pandas's scalars are hashed: as what they are equal to."""
    pd: Any = sys.modules["pandas"]
    kinds: dict[type, _Kind] = {
        pd.Timestamp: _Kind(
            lambda key: _instant(_attoseconds(key.replace(fold=0).asm8), key.tzinfo)
        ),
        pd.Timedelta: _Kind(lambda key: _timedelta64(key.asm8)),
        pd.Period: _Kind(lambda key: _sequence((key.ordinal, key.freqstr))),
        pd.Interval: _compared(lambda key: (key.left, key.right, key.closed)),
        type(pd.NaT): _Kind(lambda _: _NAT, missing="NaT"),
        type(pd.NA): _Kind(lambda _: NONE + 1),
    }
    return kinds.get(cls)


def _kind_by_fields(cls: Any) -> _Kind | None:
    """How instances are hashed whose generated ``__eq__`` compares their fields."""
    if cls.__hash__ is None:
        return None
    file = getattr(getattr(cls.__eq__, "__code__", None), "co_filename", "")
    parameters = getattr(cls, "__dataclass_params__", None)
    if parameters is not None and parameters.eq and file == "<string>":
        names = tuple(field.name for field in dataclasses.fields(cls) if field.compare)
        return _compared(lambda key: tuple(getattr(key, name) for name in names))
    if hasattr(cls, "__attrs_attrs__") and file.startswith("<attrs generated"):
        fields = tuple(field for field in cls.__attrs_attrs__ if field.eq)
        return _compared(
            lambda key: tuple(
                (field.eq_key or _itself)(getattr(key, field.name)) for field in fields
            )
        )
    pydantic = sys.modules.get("pydantic")
    if pydantic is None or not issubclass(cls, pydantic.BaseModel):
        return None
    is_generated = cls.__eq__ in (pydantic.BaseModel.__eq__, pydantic.RootModel.__eq__)
    return _compared(_model_parts, _model) if is_generated else None


def _itself(value: object) -> object:
    return value


def _model(key: Any) -> object:
    """Class of a pydantic model, without the parameters of a generic one."""
    return key.__pydantic_generic_metadata__["origin"] or type(key)


def _model_parts(key: Any) -> tuple[Any, ...]:
    """What ``==`` compares of pydantic models."""
    fields = (getattr(key, name) for name in type(key).model_fields)
    others = {**(key.__pydantic_extra__ or {}), **(key.__pydantic_private__ or {})}
    return (*fields, *(part for item in sorted(others.items()) for part in item))
