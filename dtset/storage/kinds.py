"""The kinds of a column: how elements of one exact Python type become arrays, and come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = "np.ndarray[tuple[int], np.dtype[Any]]"


class Unfit(Exception):
    """Elements that no column can hold exactly; the message says which."""


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """An array that a column is made of.

    The `unit` is what it has one entry for: ``row``, ``byte``, or ``offset`` (rows and one more).
    """

    name: str
    dtype: str
    unit: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of leaf column.

    `encode` takes elements that are all of exactly this type, and raises `Unfit`.
    """

    name: str
    type: type
    arrays: tuple[ArraySpec, ...]
    encode: Callable[[Sequence[Any]], tuple[Array, ...]]
    decode: Callable[[tuple[Array, ...]], list[Any]]


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


def _encode_int64(values: Sequence[int]) -> tuple[Array, ...]:
    try:
        return (np.fromiter(values, np.int64, len(values)),)
    except OverflowError:
        raise Unfit("an int that does not fit 64 bits") from None


def _encode_float64(values: Sequence[float]) -> tuple[Array, ...]:
    return (np.fromiter(values, np.float64, len(values)),)


def _encode_bool(values: Sequence[bool]) -> tuple[Array, ...]:
    return (np.fromiter(values, np.bool_, len(values)),)


def _decode_fixed(arrays: tuple[Array, ...]) -> list[Any]:
    return arrays[0].tolist()


def _lengths(values: Sequence[str] | Sequence[bytes]) -> Array:
    return np.fromiter(map(len, values), np.int64, len(values))


def _encode_bytes(values: Sequence[bytes]) -> tuple[Array, ...]:
    return starts_of(_lengths(values)), np.frombuffer(b"".join(values), np.uint8)


def _decode_bytes(arrays: tuple[Array, ...]) -> list[bytes]:
    offsets, data = arrays[0].tolist(), arrays[1].tobytes()
    return [data[start:end] for start, end in pairwise(offsets)]


def _encode_text(values: Sequence[str]) -> tuple[Array, ...]:
    joined = "".join(values)
    try:
        data = joined.encode("utf-8")
    except UnicodeEncodeError:
        raise Unfit("a str with a lone surrogate in it") from None
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


def _starts_character(data: Array) -> Array:
    # In UTF-8 the bytes 10xxxxxx, and only those, continue a character.
    starts: Array = (data & 0xC0) != 0x80
    return starts


_BYTES = (ArraySpec("offsets", "int64", "offset"), ArraySpec("data", "uint8", "byte"))

KINDS = {
    kind.name: kind
    for kind in (
        Kind("int64", int, (ArraySpec("values", "int64", "row"),), _encode_int64, _decode_fixed),
        Kind(
            "float64",
            float,
            (ArraySpec("values", "float64", "row"),),
            _encode_float64,
            _decode_fixed,
        ),
        Kind("bool", bool, (ArraySpec("values", "bool", "row"),), _encode_bool, _decode_fixed),
        Kind("text", str, _BYTES, _encode_text, _decode_text),
        Kind("bytes", bytes, _BYTES, _encode_bytes, _decode_bytes),
    )
}
KIND_OF: dict[type, Kind] = {kind.type: kind for kind in KINDS.values()}
