"""Settings: the keys under ``dtset.`` in Dask's configuration."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import dask.config
import yaml

from dtset.errors import ConfigurationError

_PREFIX = "dtset"


# The keys of `dtset.yaml` are below whatever the user has set.
_DEFAULTS = yaml.safe_load((files("dtset") / "dtset.yaml").read_text("utf-8"))
dask.config.update_defaults(_DEFAULTS)


def setting(key: str) -> Any:
    """Value of a setting, named without its ``dtset.`` prefix."""
    whole = f"{_PREFIX}.{key}"
    # Where this module was first needed within a `with dask.config.set(…)`, the defaults went with its end.
    return dask.config.get(whole, dask.config.get(whole, config=_DEFAULTS))


def seconds(key: str) -> float:
    """Value of a setting that is a length of time, in seconds."""
    from dask.utils import parse_timedelta

    return _parsed(key, parse_timedelta, "no length of time: give one such as '10s'")


def size(key: str) -> int:
    """Value of a setting that is a number of bytes."""
    from dask.utils import parse_bytes

    said = "not a number of bytes: give one such as '64 MiB'"
    found = int(_parsed(key, parse_bytes, said))
    if found < 0:
        raise _refused(key, said)
    return found


def _parsed(key: str, parse: Callable[[Any], Any], said: str) -> float:
    try:
        return float(parse(setting(key)))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _refused(key, said) from error


def _refused(key: str, said: str) -> ConfigurationError:
    return ConfigurationError(f"{_PREFIX}.{key} is {setting(key)!r}, which is {said}")


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
