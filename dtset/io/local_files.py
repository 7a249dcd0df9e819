"""Files of this machine: which there are, and what tells one state of them from another."""

from __future__ import annotations

import errno
import logging
import os
import stat
from functools import lru_cache
from os.path import lexists
from urllib.parse import unquote

from dtset.io.patterns import expanded, pattern_of

_logger = logging.getLogger("dtset")
_SCHEMES = ("file://", "local://")


def local_name(name: str, protocols: frozenset[str]) -> str | None:
    """Return the absolute path that a name means; None if it is a URL.

    What exists as it stands is no URL, nor has it a ``~``.
    """
    for scheme in _SCHEMES:
        if name.startswith(scheme) and "::" not in name:
            rest = name[len(scheme) :].removeprefix("localhost")
            # pathlib's as_uri() writes %20 for a space; other programs write the space itself.
            return _absolute(
                unquote(rest) if not lexists(rest) and lexists(unquote(rest)) else rest
            )
    if "://" in name or (
        name.partition("::")[0] in protocols and "::" in name and not lexists(name)
    ):
        return None
    return _absolute(name)


def find_local(path: str) -> list[str]:
    """Find the files that a path or a glob names, or that are in a folder, in order.

    What leads to no file is an error if it is named, else left out.
    """
    if os.path.isdir(path):
        return [found for found in sorted(expanded(path, ["*"])) if _is_file(found)]
    if lexists(path):
        _check_file(path)
        return [path]
    parts = pattern_of(path, lexists)
    return [found for found in sorted(set(expanded("/", parts[1:]))) if _is_file(found)]


def local_state(path: str) -> tuple[int, str]:
    """Size of a file, and what tells its present content from what it was."""
    found = os.stat(path)
    times = f"mtime={found.st_mtime_ns};ctime={found.st_ctime_ns}"
    return found.st_size, f"{times};size={found.st_size};inode={found.st_ino}"


def _absolute(name: str) -> str:
    return os.path.abspath(name if lexists(name) else os.path.expanduser(name))


def _check_file(path: str) -> None:
    mode = _mode(path)
    if mode is None:
        raise FileNotFoundError(f"{path} is a link to {os.readlink(path)}, which is not there")
    if not stat.S_ISREG(mode):
        raise OSError(f"{path} is no file: what a pipe or a device gives cannot be read again")


def _is_file(path: str) -> bool:
    mode = _mode(path)
    if mode is None and os.path.islink(path):
        _say_left_out(path)
    return mode is not None and stat.S_ISREG(mode)


def _mode(path: str) -> int | None:
    """Mode of what a path leads to; None if it leads nowhere."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        # A link to itself.
        if error.errno != errno.ELOOP:
            raise
        return None


@lru_cache(maxsize=256)
def _say_left_out(path: str) -> None:
    _logger.warning("%s is left out: it is a link to what is not there", path)
