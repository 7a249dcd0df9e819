"""Plain values: atoms and nested lists, tuples and dicts of them, hashed in one go."""

from __future__ import annotations

import datetime
import decimal
import io
import marshal
import pickle
import re
import uuid
from itertools import chain
from typing import Any

ATOMS: frozenset[type] = frozenset(
    (int, float, complex, bool, str, bytes, type(None), type(Ellipsis))
)
_CONTAINERS: frozenset[type] = frozenset((list, tuple, dict))
# Of the standard library, and nothing but their value; alone they are described by their parts.
_ZONED: frozenset[type] = frozenset((datetime.datetime, datetime.time))
_STANDARD: frozenset[type] = _ZONED | {
    datetime.date,
    datetime.timedelta,
    decimal.Decimal,
    uuid.UUID,
}
_ZONES = frozenset(("datetime.timezone", "zoneinfo.ZoneInfo"))
_ENCODED = ATOMS | _CONTAINERS | _STANDARD
# Nothing whose name or text says so is shown to anybody, nor stored as text.
SECRET = re.compile(
    r"pass|pwd|(?<![a-z])pw(?![a-z])|secret|token|key|auth|bearer|cred|dsn|jwt|private|session|signature|cookie|salt"
    r"|[?&]sig=|://\S*(?:@|\?[\w.~-]+=)",
    re.IGNORECASE,
)
_DEEPEST = 16
_MOST_NESTED = 20_000_000
_LONGEST_SHOWN = 60
_MOST_SHOWN = 8
_DEEPEST_SHOWN = 3


def encode_plain(value: Any) -> bytes | None:
    """Encode a plain value, exact in type and order; None if it holds anything else, whatever is shared in it."""
    kind = type(value)
    if kind in ATOMS:
        return marshal.dumps(value, 2)
    if kind not in _CONTAINERS:
        return None
    level: list[Any] = [value]
    has_standard = False
    for depth in range(_DEEPEST):
        kinds = set(map(type, level))
        if not kinds <= _ENCODED:
            return None
        if kinds & _STANDARD:
            has_standard = True
            if kinds & _ZONED and not all(map(_has_plain_zone, level)):
                return None
        nested = [part for part in level if type(part) in _CONTAINERS]
        if not nested:
            return _pickled(value) if has_standard else marshal.dumps(value, 2)
        size = sum(len(part) * (2 if type(part) is dict else 1) for part in nested)
        if depth > 1 and size > _MOST_NESTED:
            return None
        level = list(chain.from_iterable(map(_elements, nested)))
    return None


def _has_plain_zone(part: Any) -> bool:
    """Whether a date and time has no time zone, or one of the standard library's."""
    zone = part.tzinfo if type(part) in _ZONED else None
    return zone is None or f"{type(zone).__module__}.{type(zone).__name__}" in _ZONES


def _pickled(value: Any) -> bytes:
    """Pickle without marks of what is one object, so that equal values give equal bytes."""
    data = io.BytesIO()
    pickler = pickle.Pickler(data, 5)
    pickler.fast = True
    pickler.dump(value)
    return b"pickled" + data.getvalue()


def _elements(part: Any) -> Any:
    return chain.from_iterable(part.items()) if type(part) is dict else part


def show(value: object) -> str | None:
    """Write a short plain value as a person would; None if it is long or not plain."""
    if not _is_short(value, _DEEPEST_SHOWN):
        return None
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else None


def _is_short(value: object, depth: int) -> bool:
    kind = type(value)
    if isinstance(value, int):
        # Python refuses to write out very long ones.
        return value.bit_length() <= 4 * _LONGEST_SHOWN
    if kind in ATOMS:
        return not isinstance(value, (str, bytes)) or len(value) <= _LONGEST_SHOWN
    if kind not in _CONTAINERS or depth == 0 or len(value) > _MOST_SHOWN:  # type: ignore[arg-type]
        return False
    return all(_is_short(part, depth - 1) for part in _elements(value))
