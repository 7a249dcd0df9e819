"""Files that a user's function reads by itself: what ``depends_on=`` names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dtset.errors import ConfigurationError

if TYPE_CHECKING:
    from dtset.io.files import Urls

__all__ = ["FunctionFiles", "function_files"]


@dataclass(frozen=True)
class FunctionFiles:
    """Files, looked up whenever they are asked for.

    Parameters
    ----------
    urls : tuple of str
        Paths, URLs and globs.
    """

    urls: tuple[str, ...]

    def identity(self) -> dict[str, str]:
        """Return what tells the files' present contents from others, by names below their common folder."""
        # fsspec takes as long to import as the rest of dtset.
        from dtset.io.files import below_common_folder, find_files

        _, files = find_files(self.urls, {})
        return {name: file.identity for name, file in below_common_folder(files)}


def function_files(depends_on: Urls | None) -> FunctionFiles | None:
    """Find the files that an operator's ``depends_on=`` names; None if it names none.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    """
    if depends_on is None or (not isinstance(depends_on, str | os.PathLike) and not depends_on):
        return None
    urls = [depends_on] if isinstance(depends_on, str | os.PathLike) else depends_on
    is_list = isinstance(urls, list | tuple | set)
    if not is_list or not all(isinstance(url, str | os.PathLike) for url in urls):
        raise ConfigurationError(f"depends_on={depends_on!r}: give paths or URLs of files")
    # What a relative path means is fixed now: the script may change its folder later.
    found = FunctionFiles(tuple(_absolute(os.fspath(url)) for url in urls))
    found.identity()
    return found


def _absolute(url: str) -> str:
    return url if "://" in url else os.path.abspath(os.path.expanduser(url))
