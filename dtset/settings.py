"""Settings: the keys under ``dtset.`` in Dask's configuration."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import dask.config
import yaml

from dtset.errors import ConfigurationError

_PREFIX = "dtset"


def _register_defaults() -> None:
    """Make the keys of ``dtset.yaml`` known to Dask, below whatever the user has set."""
    defaults = yaml.safe_load((files("dtset") / "dtset.yaml").read_text(encoding="utf-8"))
    dask.config.update_defaults(defaults)


_register_defaults()


def setting(key: str) -> Any:
    """Value of a setting, named without its ``dtset.`` prefix."""
    return dask.config.get(f"{_PREFIX}.{key}")


def seconds(key: str) -> float:
    """Value of a setting that is a length of time, in seconds."""
    from dask.utils import parse_timedelta

    value = setting(key)
    try:
        return float(parse_timedelta(value))
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(
            f"{_PREFIX}.{key} is {value!r}, which is no length of time: give one such as '10s'"
        ) from error


def size(key: str) -> int:
    """Value of a setting that is a number of bytes."""
    from dask.utils import parse_bytes

    value = setting(key)
    try:
        found = parse_bytes(value)
    except (ValueError, TypeError, AttributeError) as error:
        raise _no_size(key, value) from error
    if found < 0:
        raise _no_size(key, value)
    return int(found)


def _no_size(key: str, value: object) -> ConfigurationError:
    return ConfigurationError(
        f"{_PREFIX}.{key} is {value!r}, which is not a number of bytes: give one such as '64 MiB'"
    )


def ignored_globals() -> tuple[str, ...]:
    """Names of globals that no fingerprint takes into account; a text is one name."""
    value = setting("fingerprint.ignore")
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ConfigurationError(
            f"{_PREFIX}.fingerprint.ignore is {value!r}: give a list of names, each 'NAME' or 'module.NAME'"
        )
    return tuple(names)


def whole_number(key: str, *, least: int) -> int:
    """Value of a setting that is a whole number, of at least so much."""
    value = setting(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError(
            f"{_PREFIX}.{key} is {value!r}: give a whole number of at least {least}"
        )
    return value
