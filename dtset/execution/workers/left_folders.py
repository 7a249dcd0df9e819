"""Folders for temporary files that say whose they are, so that those of dead processes can be removed."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from dtset.checkpoint.runs import process_started, processes_here

_NAME = re.compile(r"dtset-(?P<pid>\d+)-(?P<started>[\d.]+)-(?P<where>[0-9a-f]{8})-.*")


def folder_prefix() -> str:
    """How the names of this process's folders begin."""
    return f"dtset-{os.getpid()}-{process_started(os.getpid())}-{_where()}-"


def remove_left_folders() -> None:
    """Remove the user's folders whose processes have been on this machine since it was started, and are gone."""
    here = _where()
    # Sockets need short paths, wherever temporary files are.
    places = {tempfile.gettempdir(), "/tmp"}
    for folder in (each for place in places for each in Path(place).glob("dtset-*")):
        match = _NAME.fullmatch(folder.name)
        if match is None or match["where"] != here:
            continue
        # Another process may be removing it too.
        with suppress(FileNotFoundError):
            found = folder.lstat()
            ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
            if ours and process_started(int(match["pid"])) != match["started"]:
                # What its last workers still hold in it goes with the next run.
                shutil.rmtree(folder, ignore_errors=True)


def _where() -> str:
    """Where a number of a process means the same: this machine since its start, or this container."""
    return hashlib.sha256(processes_here().encode()).hexdigest()[:8]
