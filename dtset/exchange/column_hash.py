"""Hashes of whole columns: what `stable_hash` gives for each of their elements, without a Python object for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from dtset.exchange.stable_hash import (
    FACTOR,
    MODULUS,
    NAN,
    NONE,
    SPREADING,
    stable_hash,
    unspread_hash,
)
from dtset.exchange.stable_hash import START as TUPLE
from dtset.storage.columns import Columns
from dtset.storage.kinds import Array
from dtset.storage.schema import Schema, arrays_of

_BITS = MODULUS.bit_length()
_MOD = np.uint64(MODULUS)
# By how many bytes of a word belong to a text.
_KEPT = np.array([(1 << 8 * n) - 1 for n in range(9)], np.uint64)
# Longer texts are hashed one by one.
_LONG = 256


def hashes_of(keys: Columns) -> Array:
    """Return the stable hashes of a column's elements, as unsigned 64-bit numbers.

    Examples
    --------
    >>> from dtset.storage.columns import to_columns
    >>> hashes_of(to_columns([1, 2])).tolist() == [stable_hash(1), stable_hash(2)]
    True
    """
    hashed = _hashed(keys.schema, len(keys), iter(keys.arrays))
    if hashed is None:
        return np.fromiter(map(stable_hash, keys.rows()), np.uint64, len(keys))
    high = np.uint64(32)
    spread: Array = (hashed ^ hashed >> high) * np.uint64(SPREADING)
    spread ^= spread >> high
    return spread


def _hashed(schema: Schema, rows: int, arrays: Iterator[Array]) -> Array | None:
    """Hashes before their bits are spread; None for kinds that are hashed one by one."""
    valid = next(arrays) if schema.optional else None
    hashed: Array | None
    if schema.kind == "none":
        return np.full(rows, NONE, np.uint64)
    if schema.kind == "tuple":
        hashed = np.full(rows, TUPLE + len(schema.fields), np.uint64)
        for field in schema.fields:
            part = _hashed(field, rows, arrays)
            if part is None:
                return None
            hashed = (hashed ^ part) * np.uint64(FACTOR)
    elif schema.kind in _LEAVES:
        hashed = _LEAVES[schema.kind](*(next(arrays) for _ in arrays_of(Schema(schema.kind))))
    else:
        return None
    return hashed if valid is None else np.where(valid, hashed, np.uint64(NONE))


def _ints(values: Array) -> Array:
    """Hash whole numbers as Python does, but -1 as -1."""
    remainders = np.fmod(values, np.int64(MODULUS))
    remainders[(remainders == -1) & (values != -1)] = -2
    return remainders.view(np.uint64)


def _floats(values: Array) -> Array:
    """Hash floats as Python does: as fractions modulo a prime of which powers of two turn the bits round."""
    mantissas, exponents = np.frexp(np.where(np.isfinite(values), values, 0.0))
    whole = np.abs(np.ldexp(mantissas, 53)).astype(np.uint64)
    turned = _turned(whole, np.mod(exponents.astype(np.int64) - 53, _BITS).astype(np.uint64))
    hashed: Array = np.where(values < 0, -turned.view(np.int64), turned.view(np.int64))
    hashed[(hashed == -1) & (values != -1.0)] = -2
    found = np.where(np.isinf(values), np.where(values > 0, hash(np.inf), hash(-np.inf)), hashed)
    return np.where(np.isnan(values), NAN, found).astype(np.int64).view(np.uint64)


def _bools(values: Array) -> Array:
    return values.astype(np.uint64)


def _bytes(offsets: Array, data: Array) -> Array:
    """Hash bytes by words of eight, from the last one on."""
    ends, lengths = offsets[1:], np.diff(offsets)
    padded = np.concatenate([np.zeros(8, np.uint8), data])
    # The word that ends before each byte.
    words = np.ndarray((len(data) + 1,), ">u8", padded, strides=(1,))
    totals = np.zeros(len(lengths), np.uint64)
    rows, done = np.flatnonzero((lengths > 0) & (lengths <= _LONG)), 0
    while len(rows):
        left = lengths[rows] - done
        word = words[ends[rows] - done].astype(np.uint64) & _KEPT[np.minimum(left, 8)]
        totals[rows] = _reduced(totals[rows] + _turned(_reduced(word), 8 * done % _BITS))
        rows, done = rows[left > 8], done + 8
    for row in np.flatnonzero(lengths > _LONG).tolist():
        piece = data[offsets[row] : ends[row]].tobytes()
        totals[row] = unspread_hash(piece) - len(piece)
    return totals + lengths.astype(np.uint64)


def _text(offsets: Array, data: Array) -> Array:
    return _bytes(offsets, data) + np.uint64(1)


def _reduced(numbers: Array) -> Array:
    """Numbers modulo the prime."""
    folded = (numbers & _MOD) + (numbers >> np.uint64(_BITS))
    return np.where(folded >= _MOD, folded - _MOD, folded)


def _turned(numbers: Array, by: Array | int) -> Array:
    """Numbers times a power of two, modulo the prime."""
    left = np.asarray(by, np.uint64)
    turned: Array = (numbers << left) & _MOD | numbers >> (np.uint64(_BITS) - left)
    return turned


_LEAVES: dict[str, Callable[..., Array]] = {
    "int64": _ints,
    "float64": _floats,
    "bool": _bools,
    "bytes": _bytes,
    "text": _text,
}
