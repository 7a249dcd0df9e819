"""A hash that agrees with ``==`` and is the same in every process, for partitioning by key."""

from __future__ import annotations

import dataclasses
import enum
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath
from typing import Any
from uuid import UUID

__all__ = ["stable_hash", "target_of"]

_MASK = (1 << 64) - 1
_NAN_HASH = 0x7FF8_0000_0000_0000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def target_of(key: object, targets: int) -> int:
    """Partition that a key goes to.

    Examples
    --------
    >>> target_of("a", 4) == target_of("a", 4)
    True
    >>> target_of(1, 4) == target_of(1.0, 4) == target_of(True, 4)
    True
    """
    # Keys such as 0, 4, 8 … must not all go to one partition: the bits are spread first.
    mixed = stable_hash(key) * 0x9E37_79B9_7F4A_7C15 & _MASK
    return (mixed ^ mixed >> 32) % targets


def stable_hash(key: object) -> int:
    """Hash of a key: equal for keys that are equal in Python, in every process.

    Parameters
    ----------
    key : object
        Numbers, text, bytes, None, tuples, frozen sets, enums, dates and times, paths, UUIDs, frozen
        dataclasses, and classes that define ``__dtset_hash__``.

    Returns
    -------
    int
        64 bits.

    Raises
    ------
    TypeError
        The type's equality is not known, so that equal keys might not meet.

    Examples
    --------
    >>> stable_hash((1, "a")) == stable_hash((True, "a"))
    True
    """
    hasher = _HASHERS.get(type(key))
    if hasher is None:
        hasher = _hasher_of(type(key))
        _HASHERS[type(key)] = hasher
    return hasher(key) & _MASK


def _number(key: Any) -> int:
    """Hash a number: Python's own is unseeded, and equal for equal numbers of all types."""
    return hash(key) if key == key else _NAN_HASH


def _text(key: Any) -> int:
    """Hash text."""
    return _bytes(str.encode(key, "utf-8", "surrogatepass")) + 1


def _bytes(key: Any) -> int:
    """Hash bytes."""
    return zlib.crc32(key) | zlib.adler32(key) << 32


def _sequence(key: Any) -> int:
    """Hash a tuple by its parts."""
    total = 0x345678 + len(key)
    for part in key:
        total = (total ^ stable_hash(part)) * 0x0100_0000_01B3 & _MASK
    return total


def _set(key: Any) -> int:
    """Hash a frozen set whatever the order of its members."""
    return sum(stable_hash((part,)) for part in key) + len(key)


def _named_member(key: Any) -> int:
    """Hash an enum's member that is equal to nothing else."""
    return _text(f"{type(key).__qualname__}.{key.name}")


def _datetime(key: Any) -> int:
    """Hash a datetime: an aware one by its instant, as ``==`` compares it."""
    if key.utcoffset() is None:
        return _sequence((1, *key.timetuple()[:6], key.microsecond))
    return _sequence((2, (key - _EPOCH) // timedelta(microseconds=1)))


def _time(key: Any) -> int:
    """Hash a time of day."""
    offset = key.utcoffset()
    moment = timedelta(
        hours=key.hour, minutes=key.minute, seconds=key.second, microseconds=key.microsecond
    )
    return _sequence((3, (moment - (offset or timedelta())) // timedelta(microseconds=1)))


def _fields(key: Any) -> int:
    """Hash a frozen dataclass by the fields that its equality compares."""
    return _sequence(
        tuple(getattr(key, field.name) for field in dataclasses.fields(key) if field.compare)
    )


_HASHERS: dict[type, Callable[[Any], int]] = {
    str: _text,
    bytes: _bytes,
    int: _number,
    bool: _number,
    float: _number,
    complex: _number,
    Decimal: _number,
    Fraction: _number,
    tuple: _sequence,
    frozenset: _set,
    type(None): lambda key: 0xFFEE,
    date: lambda key: _sequence((0, key.toordinal())),
    datetime: _datetime,
    time: _time,
    timedelta: lambda key: _sequence((4, key // timedelta(microseconds=1))),
    UUID: lambda key: key.int ^ key.int >> 64,
}


def _hasher_of(cls: type) -> Callable[[Any], int]:
    """Find how to hash keys of a type that is met for the first time."""
    if hasattr(cls, "__dtset_hash__"):
        return lambda key: stable_hash(key.__dtset_hash__())
    for base, hasher in _HASHERS.items():
        # A subclass that keeps its base's equality is equal to values of the base.
        if issubclass(cls, base) and _equality(cls) is _equality(base):
            return hasher
    if cls.__module__ == "numpy":
        import numpy as np

        if issubclass(cls, np.number | np.bool_):
            return _number
        if issubclass(cls, np.str_ | np.bytes_):
            return lambda key: stable_hash(key.item())
    if issubclass(cls, PurePath):
        return lambda key: _text(key.as_posix())
    if issubclass(cls, enum.Enum) and _equality(cls) is _equality(object):
        return _named_member
    if _has_generated_equality(cls):
        return _fields
    raise TypeError(
        f"keys of type {cls.__module__}.{cls.__qualname__} cannot be hashed the same everywhere: "
        "use a tuple of its parts as the key, make it a frozen dataclass, or define __dtset_hash__(), "
        "returning such a tuple that is equal for equal keys"
    )


def _equality(cls: type) -> object:
    """What compares instances of a class."""
    return cls.__eq__


def _has_generated_equality(cls: type) -> bool:
    """Whether a class is a frozen dataclass whose ``__eq__`` compares its fields."""
    parameters = getattr(cls, "__dataclass_params__", None)
    code = getattr(cls.__eq__, "__code__", None)
    return (
        parameters is not None
        and parameters.frozen
        and parameters.eq
        and code is not None
        and code.co_filename == "<string>"
    )
