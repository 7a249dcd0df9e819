"""Records: small JSON objects that carry a checksum of themselves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_START = b'{"sha256":"'
_HEX = 64


def seal(payload: Mapping[str, Any]) -> bytes:
    r"""Encode a record, with its checksum as the field ``sha256`` in front.

    Examples
    --------
    >>> seal({"rows": 3})[-12:]
    b'","rows":3}\n'
    >>> unseal(seal({"rows": 3}))
    {'rows': 3}
    """
    if "sha256" in payload:
        raise ValueError(
            "a record's own field sha256 would take the place of its checksum: rename it"
        )
    body = json.dumps(dict(payload), separators=(",", ":")).encode("ascii")[1:]
    digest = hashlib.sha256(body).hexdigest().encode("ascii")
    return _START + digest + (b'",' if len(body) > 1 else b'"') + body + b"\n"


def unseal(data: bytes) -> dict[str, Any] | None:
    """Decode a record; None if it is torn, altered or no record at all.

    Examples
    --------
    >>> unseal(seal({"rows": 3})[:-4]) is None
    True
    """
    start = len(_START) + _HEX
    if not data.startswith(_START) or not data.endswith(b"}\n"):
        return None
    if data[start : start + 2] == b'",':
        body = data[start + 2 : -1]
    elif data[start:] == b'"}\n':
        body = b"}"
    else:
        return None
    if hashlib.sha256(body).hexdigest().encode("ascii") != data[len(_START) : start]:
        return None
    # Verified above: only what `seal` wrote, or somebody who can compute a checksum, is parsed.
    record: dict[str, Any] = json.loads(data)
    del record["sha256"]
    return record
