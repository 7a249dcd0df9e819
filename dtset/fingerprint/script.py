"""The file whose code runs as ``__main__``, and the folder in which that was started."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

_FOLDER = os.sep
with suppress(FileNotFoundError):
    # As early as can be: a program may go to another folder before it makes its environment.
    _FOLDER = os.getcwd()


def started_in() -> str:
    """Folder in which this process was when dtset was imported."""
    return _FOLDER


def script_file() -> str | None:
    """Absolute path of the file that runs as ``__main__``; None in a session, or for code of no file.

    Profilers and IPython leave the path as it was typed, relative to the folder they were started in.
    """
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    # What was read from standard input claims to be of a file "<stdin>".
    if not isinstance(file, str) or file.startswith("<"):
        return None
    return os.path.join(_FOLDER, file)
