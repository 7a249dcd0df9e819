"""Names with wildcards, as a shell reads them; but what exists by a name is meant by it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from glob import escape, has_magic


def pattern_of(path: str, exists: Callable[[str], bool]) -> list[str]:
    """Split a path into its parts, of which the leading ones that exist as they are have no wildcards."""
    parts = path.split("/")
    for number, part in enumerate(parts):
        if has_magic(part) and not exists("/".join(parts[: number + 1])):
            return [*map(escape, parts[:number]), *parts[number:]]
    return [*map(escape, parts)]


def is_matched(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a path is matched: by no wildcard where a part of it begins with a dot, ``**`` being any folders."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        if is_matched(parts, pattern[1:]):
            return True
        return bool(parts) and not _is_hidden(parts[0]) and is_matched(parts[1:], pattern)
    return bool(parts) and _is_part(parts[0], pattern[0]) and is_matched(parts[1:], pattern[1:])


def expanded(folder: str, pattern: Sequence[str]) -> Iterator[str]:
    """Give what lies below a folder and is matched, folders apart; as in a shell, ``**`` does not follow links."""
    first, rest = pattern[0], pattern[1:]
    if first == "**" and rest:
        yield from expanded(folder, rest)
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if first == "**":
            if _is_hidden(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from expanded(entry.path, pattern)
            elif not rest:
                yield entry.path
        elif _is_part(entry.name, first):
            if not rest:
                yield entry.path
            elif _is_folder(entry.path):
                yield from expanded(entry.path, rest)


def _is_part(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) and (not _is_hidden(name) or pattern.startswith("."))


def _is_hidden(name: str) -> bool:
    return name.startswith(".")


def _is_folder(path: str) -> bool:
    """Whether a path leads to a folder; a link that leads nowhere does not."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except FileNotFoundError:
        return False
