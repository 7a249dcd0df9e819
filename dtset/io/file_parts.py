"""Parts of files: what a partition reads, cut between lines, and known by their content once they were read."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dtset.errors import ConfigurationError
from dtset.io.files import DataFile, check_unchanged, opened

_BUFFER = 1 << 20


@dataclass(frozen=True)
class FilePart:
    """The lines of a file whose first byte lies between two places; all of it where these are its ends.

    Elements depend on the `name` as well if there is one. A `head` says with how many lines the file begins that come
    before any of its parts, and whether the first one after them that is not blank does too.
    """

    file: DataFile
    start: int
    stop: int
    delimiter: bytes = b"\n"
    name: str = ""
    head: tuple[int, bool] = (0, False)

    @property
    def size(self) -> int:
        """How many bytes there are between the two places."""
        return self.stop - self.start

    @cached_property
    def state(self) -> str:
        """What tells the file from what it was, without reading it, and where the part lies in it."""
        said = f"{self.file.name}\n{self.file.identity}\n{self.start} {self.stop}"
        if not self.is_whole:
            said += f" {self.delimiter!r} {self.head}"
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
            length, head = None, b""
            if not self.is_whole:
                head = self._head(file)
                start, stop = (
                    max(len(head), _line_start(file, place, self.file.size, self.delimiter))
                    for place in (self.start, self.stop)
                )
                length = stop - start
                file.seek(start)
            hashed = _Hashed(file, head, length, self.state, contents)
            yield io.BufferedReader(hashed, _BUFFER)

    def _head(self, file: Any) -> bytes:
        lines, has_names = self.head
        head = [file.readline() for _ in range(lines)]
        while has_names:
            head.append(file.readline())
            has_names = head[-1] in (b"\n", b"\r\n")
        if any(b"\r" in line.rstrip(b"\r\n") for line in head):
            raise ConfigurationError(
                f"{self.file.name} has lines that end with a carriage return, and cannot be cut: leave line_breaks=False out"
            )
        return b"".join(head)


class _Hashed(io.RawIOBase):
    def __init__(
        self, file: Any, head: bytes, length: int | None, state: str, contents: dict[str, str]
    ) -> None:
        self._file = file
        self._head = head
        self._left = length
        self._state = state
        self._contents = contents
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data, self._head = self._head[: len(buffer)], self._head[len(buffer) :]
        if not data:
            wanted = len(buffer) if self._left is None else min(len(buffer), self._left)
            data = self._file.read(wanted) if wanted else b""
            if self._left is not None:
                self._left -= len(data)
        buffer[: len(data)] = data
        self._hash.update(data)
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
