"""Parts of files: what a partition reads, cut between lines, and known by their content once they were read."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dtset.io.files import DataFile, check_unchanged, opened

_BUFFER = 1 << 20


@dataclass(frozen=True)
class FilePart:
    """The lines of a file whose first byte lies between two places; all of it where these are its ends.

    Elements depend on the `name` as well if there is one.
    """

    file: DataFile
    start: int
    stop: int
    delimiter: bytes = b"\n"
    name: str = ""

    @property
    def size(self) -> int:
        """How many bytes there are between the two places."""
        return self.stop - self.start

    @cached_property
    def state(self) -> str:
        """What tells the file from what it was, without reading it, and where the part lies in it."""
        said = f"{self.file.name}\n{self.file.identity}\n{self.start} {self.stop}"
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the file."""
        return self.start == 0 and self.stop == self.file.size

    def digest(self) -> str:
        """Read the part; return the SHA-256 of its bytes."""
        contents: dict[str, str] = {}
        with self.reading(contents) as file:
            while file.read(_BUFFER):
                pass
        check_unchanged(self.file)
        return contents[self.state]

    @contextmanager
    def reading(self, contents: dict[str, str]) -> Iterator[io.BufferedReader]:
        """Open the part for its bytes; once all were read, their SHA-256 is noted in `contents`."""
        with opened(self.file) as file:
            length = None
            if not self.is_whole:
                start = _line_start(file, self.start, self.file.size, self.delimiter)
                length = _line_start(file, self.stop, self.file.size, self.delimiter) - start
                file.seek(start)
            yield io.BufferedReader(_Hashed(file, length, self.state, contents), _BUFFER)


class _Hashed(io.RawIOBase):
    def __init__(self, file: Any, length: int | None, state: str, contents: dict[str, str]) -> None:
        self._file = file
        self._left = length
        self._state = state
        self._contents = contents
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        wanted = len(buffer) if self._left is None else min(len(buffer), self._left)
        data = self._file.read(wanted) if wanted else b""
        buffer[: len(data)] = data
        self._hash.update(data)
        if self._left is not None:
            self._left -= len(data)
        if not data:
            self._contents[self._state] = self._hash.hexdigest()
        return len(data)


def _line_start(file: Any, offset: int, size: int, delimiter: bytes) -> int:
    """Where the first line begins that begins at an offset or after it."""
    if offset in (0, size):
        return offset
    # A delimiter of several bytes may begin before the offset, and end the line there.
    place = max(0, offset - len(delimiter))
    file.seek(place)
    if delimiter == b"\n":
        file.readline()
        return int(file.tell())
    rest = b""
    while data := file.read(_BUFFER):
        rest += data
        found = rest.find(delimiter)
        if found >= 0:
            return int(place + found + len(delimiter))
        place += len(rest) - len(delimiter) + 1
        rest = rest[len(rest) - len(delimiter) + 1 :]
    return size
