"""Arguments of the environment, checked before anything is started or written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from operator import index
from typing import Any, SupportsIndex

from dtset.errors import ConfigurationError
from dtset.urls import redacted


def a_name(what: str, value: object) -> str | None:
    """Return a name, or None where none was given."""
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise ConfigurationError(f"{what}={value!r}: give a name, or leave it out")
    return value


def a_boolean(what: str, value: object) -> bool | None:
    """Return a truth value, or None where none was given."""
    if value is not None and not isinstance(value, bool):
        raise ConfigurationError(f"{what}={value!r}: give True or False, or leave it out")
    return value


def a_mapping(what: str, value: object) -> Mapping[str, Any]:
    """Return a mapping with text as keys; an empty one where none was given."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConfigurationError(
            f"{what} takes a mapping with text as keys, and was given {type(value).__name__}"
        )
    return value


def a_folder(what: str, value: object) -> str:
    """Return a URL or a path as text."""
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise ConfigurationError(f"{what}={redacted(repr(value))}: give a path or an fsspec URL")
    return os.fspath(value)


def a_number_of_partitions(what: str, value: object) -> int | None:
    """Return a number of partitions from 1 on, or None where none was given."""
    if value is None:
        return None
    number = a_number(value, least=1)
    if number is None:
        raise ConfigurationError(
            f"{what}={value!r}: give the default number of partitions, from 1 on, or leave it out"
        )
    return number


def number_of(said: str, value: object, *, least: int) -> int:
    """Return an integer of at least so much; else what was `said` is the beginning of an error."""
    number = a_number(value, least=least)
    if number is None:
        raise ConfigurationError(f"{said} from {least} on, and was given {value!r}")
    return number


def a_number(value: object, *, least: int) -> int | None:
    """Return an integer of whatever type as Python's, or None for what is not one, or is too small."""
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        return None
    try:
        number = index(value)
    except TypeError:
        return None
    return number if number >= least else None
