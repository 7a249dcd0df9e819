"""Dask's ways for a type to say what it is: `__dask_tokenize__` and the `normalize_token` registry."""

from __future__ import annotations

import sys
from typing import Any

from dtset.fingerprint.description import Description, Part

# Dask's own handlers pickle what they do not know, and sort dicts and sets by `str`.
_TOO_LOOSE = ("dask.", "tlz", "toolz", "cytoolz", "functools")


def describe_by_token(value: Any) -> Description | None:
    """Describe an object by the token its type defines; None if it defines none."""
    cls = type(value)
    if getattr(cls, "__dask_tokenize__", None) is not None:
        return _described(cls, value.__dask_tokenize__())
    handler = _registered(cls)
    return None if handler is None else _described(cls, handler(value))


def _described(cls: type, token: object) -> Description:
    parts = [Part("class", cls, "global", cls.__name__), Part("token", token, "token")]
    return Description(("token",), parts)


def _registered(cls: type) -> Any:
    """Handler that a library or the user registered for a type, not one of Dask's own."""
    # Without Dask's module loaded nobody can have registered anything.
    module = sys.modules.get("dask.tokenize") or sys.modules.get("dask.base")
    if module is None:
        return None
    handler = module.normalize_token.dispatch(cls)
    written = str(getattr(handler, "__module__", ""))
    return None if written.startswith(_TOO_LOOSE) else handler
