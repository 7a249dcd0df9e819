"""Files that a user's function reads by itself: what ``depends_on=`` names."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dtset.errors import ConfigurationError

if TYPE_CHECKING:
    from dtset.io.files import Urls

_NAMES = (str, bytes, os.PathLike)


@dataclass(frozen=True)
class FunctionFiles:
    """Files, looked up whenever they are asked for."""

    urls: tuple[str, ...] = field(repr=False)

    def identity(self) -> dict[str, str]:
        """Return what tells the files' present contents from others, by names below their common folder."""
        # fsspec takes as long to import as the rest of dtset.
        from dtset.io.files import below_common_folder, find_files

        files = find_files(self.urls, {})
        return {name: file.identity for name, file in below_common_folder(files)}


def function_files(depends_on: Urls | None) -> FunctionFiles | None:
    """Find the files that an operator's ``depends_on=`` names; None if it names none."""
    if depends_on is None or (not isinstance(depends_on, _NAMES) and not depends_on):
        return None
    urls = [depends_on] if isinstance(depends_on, _NAMES) else depends_on
    for url in urls if isinstance(urls, list | tuple | set) else [urls]:
        if not isinstance(url, _NAMES):
            raise ConfigurationError(f"depends_on= holds {url!r}: give paths or URLs of files")
    from dtset.io.files import fixed_names

    # What a relative path means is fixed now: the script may change its folder later.
    found = FunctionFiles(fixed_names(sorted(urls, key=str) if isinstance(urls, set) else urls))
    found.identity()
    return found
