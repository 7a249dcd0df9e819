"""Ranks of pairs: arrays whose order is that of their keys, or of the hashes of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cmp_to_key
from itertools import chain
from operator import ne
from typing import Any, Protocol

import numpy as np

from dtset.exchange.stable_hash import NEVER_NAN
from dtset.operators.call import Call
from dtset.operators.kernels.failure import Place
from dtset.operators.kernels.pairs import keys_of, stable_hashes
from dtset.operators.kernels.sorting import OBJECTS, Ranked
from dtset.storage.batch import Batch
from dtset.storage.columns import Columns
from dtset.storage.kinds import Array

COMPARATOR = "key comparator"
"""The role of a function that orders keys: negative, zero or positive, for ``a`` before, equal to or after ``b``."""

# Wider texts are compared one by one.
_WIDE = 64


class Ranking(Protocol):
    """How pairs are ordered; `is_hash` if keys of one rank need not be equal."""

    @property
    def is_hash(self) -> bool:
        """Whether keys of one rank need not be equal."""

    def ranked(self, batch: Batch) -> Ranked:
        """Return pairs with the ranks of their keys."""


def ranking_of(call: Call, *, by_key: bool = False) -> Ranking:
    """Return how an operation orders pairs: as the user's comparator says, by key, or by the hash of the key."""
    ascending = bool(call.spec.params.get("ascending", True))
    if COMPARATOR in call.functions:
        return ByKey(call.place, ascending, call.function(COMPARATOR))
    return ByKey(call.place, ascending) if by_key else ByHash(call.place)


@dataclass(frozen=True)
class ByHash:
    """Pairs in the order of the stable hashes of their keys."""

    place: Place
    is_hash: bool = True

    def ranked(self, batch: Batch) -> Ranked:
        """Return pairs with the hashes of their keys."""
        pairs, keys = keys_of(batch, self.place)
        return Ranked(pairs, "hash", stable_hashes(keys, self.place), self._never)

    def _never(self, batch: Batch) -> Array:
        raise AssertionError("hashes are of one kind")


@dataclass(frozen=True)
class ByKey:
    """Pairs in the order of their keys, or as a comparator of the user's orders them."""

    place: Place
    ascending: bool = True
    comparator: Callable[[Any, Any], int] | None = None
    is_hash: bool = False

    def ranked(self, batch: Batch) -> Ranked:
        """Return pairs with ranks: numbers or texts where the keys are some."""
        pairs, keys = keys_of(batch, self.place)
        kind, ranks = self.ranks(keys)
        return Ranked(pairs, kind, ranks, self._objects_of)

    def ranks(self, keys: Columns | list[Any]) -> tuple[str, Array]:
        """Return the ranks of keys, and of which kind they are."""
        found = None
        if isinstance(keys, Columns) and self.comparator is None and not keys.schema.optional:
            found = self._typed(keys)
        rows = keys.rows() if isinstance(keys, Columns) else keys
        return (OBJECTS, self.objects(rows)) if found is None else found

    def objects(self, keys: list[Any]) -> Array:
        """Return keys as objects that are compared in their order."""
        if self.comparator is not None:
            return np.fromiter(map(cmp_to_key(self._compared), keys), object, len(keys))
        made: Any = keys if _have_no_nan(keys) else map(_comparable, keys)
        return np.fromiter(made if self.ascending else map(_Descending, made), object, len(keys))

    def _objects_of(self, batch: Batch) -> Array:
        _, keys = keys_of(batch, self.place)
        return self.objects(keys.rows() if isinstance(keys, Columns) else keys)

    def _compared(self, one: Any, other: Any) -> int:
        assert self.comparator is not None
        with self.place.noting():
            order = self.comparator(one, other)
        return order if self.ascending else -order

    def _typed(self, keys: Columns) -> tuple[str, Array] | None:
        """Return ranks without an object for each key, None where there are none."""
        kind, arrays = keys.schema.kind, keys.arrays
        if kind in ("int64", "bool"):
            numbers = arrays[0].astype(np.int64)
            return "int64", numbers if self.ascending else ~numbers
        if kind == "float64":
            numbers = _ordinals(arrays[0])
            return "float64", numbers if self.ascending else ~numbers
        if not self.ascending or kind not in ("text", "bytes") or not len(keys):
            return None
        offsets, data = arrays
        widths = np.diff(offsets)
        width = int(widths.max())
        if not 0 < width <= _WIDE:
            return None
        # Padded with zeros, bytes are compared as they are, in the order of characters too, unless some have zeros.
        if not data.all():
            if int(widths.min()) < width:
                return None
            kind = f"{kind} of {width}"
        padded = np.zeros((len(keys), width), np.uint8)
        padded[np.arange(width) < widths[:, np.newaxis]] = data
        return kind, padded.view(f"S{width}")[:, 0]


def _ordinals(values: Array) -> Array:
    """Floats as whole numbers of their order; all NaNs are the last."""
    bits = (values + 0.0).view(np.int64)
    ordinals = bits ^ (bits >> 63 & np.int64(2**63 - 1))
    return np.where(np.isnan(values), np.int64(2**63 - 1), ordinals)


def _have_no_nan(keys: list[Any]) -> bool:
    """Whether keys, or the parts of tuples, are plain and equal to themselves: asked without a call for each."""
    parts = list(chain.from_iterable(key if type(key) is tuple else (key,) for key in keys))
    return _PLAIN.issuperset(map(type, parts)) and not any(map(ne, parts, parts))


def _comparable(key: Any) -> Any:
    """Return a key, or a tuple's parts, with NaNs and NaTs as the last of an order, as those of columns are."""
    if isinstance(key, _MAYBE_NAN):
        return _LAST if key != key else key
    if type(key) is tuple:
        return tuple(map(_comparable, key))
    return key


class _Last:
    """Comes after everything but itself."""

    def __lt__(self, other: object) -> bool:
        return False

    def __gt__(self, other: object) -> bool:
        return other is not self


_LAST = _Last()
_PLAIN = NEVER_NAN | {float}
_MAYBE_NAN = (float, np.floating, np.datetime64, np.timedelta64)


@dataclass(frozen=True, slots=True)
class _Descending:
    """A key that comes before those that are smaller."""

    key: Any

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.key < self.key)
