"""Lines of text files as a source."""

from __future__ import annotations

import codecs
import io
import re
import zipfile
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import fsspec
from fsspec.utils import infer_compression

from dtset.errors import ConfigurationError
from dtset.io.files import (
    DataFile,
    Urls,
    below_common_folder,
    check_unchanged,
    find_files,
    opened,
    place_of,
)
from dtset.plan.context import TSetContext

# Cutting a file costs a search for the end of a line on both sides.
_SMALLEST_CUT = 2**20
# In these, the byte of a line feed is nothing else, and decoding can begin after any of them.
_CUTTABLE = ("utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252")


@dataclass(frozen=True)
class _Range:
    """A part of a file: lines whose first byte lies in it."""

    file: DataFile
    start: int
    stop: int


@dataclass(frozen=True)
class TextSource:
    """Lines of text files, cut into partitions of about the same number of bytes."""

    files: Sequence[DataFile] = field(repr=False)
    ranges: Sequence[Sequence[_Range]] = field(repr=False)
    encoding: str
    errors: str

    def identity(self) -> Mapping[str, object]:
        """Return what the lines depend on: the files, by name, and how they are decoded."""
        files = {
            f"file {name}": (file.size, file.identity)
            for name, file in below_common_folder(self.files)
        }
        return {"encoding": (self.encoding, self.errors), **files}

    @property
    def places(self) -> Mapping[str, str]:
        """Where people look for the files: as seen from the working directory, if they are below it."""
        return {f"file {name}": place_of(file) for name, file in below_common_folder(self.files)}

    def elements(self, ctx: TSetContext) -> Iterator[str]:
        """Return the lines of one partition."""
        for part in self.ranges[ctx.index]:
            try:
                yield from self._lines(part)
            except UnicodeDecodeError as error:
                error.add_note(
                    f"in {part.file.name}: give read_text the file's encoding=, or errors='replace'"
                )
                raise
            check_unchanged(part.file)

    def _lines(self, part: _Range) -> Iterator[str]:
        whole = part.start == 0 and part.stop == part.file.size
        compression = infer_compression(part.file.file_name)
        with opened(part.file) as file:
            if compression == "zip":
                file = _only_member(file, part.file)
            elif compression is not None:
                file = fsspec.compression.compr[compression](file, mode="rb")
            elif not whole:
                start = _line_start(file, part.start, part.file.size)
                stop = _line_start(file, part.stop, part.file.size)
                file.seek(start)
                file = io.BufferedReader(_Bounded(file, stop - start))
            with io.TextIOWrapper(file, encoding=self.encoding, errors=self.errors) as lines:
                yield from lines


class _Bounded(io.RawIOBase):
    def __init__(self, file: Any, length: int) -> None:
        self._file = file
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)


def _only_member(file: Any, archive: DataFile) -> Any:
    members = zipfile.ZipFile(file)
    names = [each for each in members.namelist() if not each.endswith("/")]
    if len(names) != 1:
        raise ConfigurationError(
            f"{archive.name} holds {len(names)} files: say which to read, as in zip://*::{place_of(archive)}"
        )
    return members.open(names[0])


def _line_start(file: Any, offset: int, size: int) -> int:
    if offset in (0, size):
        return offset
    file.seek(offset - 1)
    file.readline()
    return int(file.tell())


def text_source(
    urlpath: Urls, partitions: int, encoding: str, errors: str, storage_options: Mapping[str, Any]
) -> TextSource:
    """Find text files, and cut them into partitions."""
    try:
        name = codecs.lookup(encoding).name
        codecs.lookup_error(errors)
    except LookupError as error:
        raise ConfigurationError(
            f"read_text(encoding={encoding!r}, errors={errors!r}): {error}"
        ) from error
    files = find_files(urlpath, storage_options)
    for file in files:
        if re.search(r"\.(tar|tgz|tbz2|txz)(\.\w+)?$", file.file_name):
            raise ConfigurationError(
                f"{file.name} is an archive: say which files of it to read, as in tar://*::{place_of(file)}"
            )
    return TextSource(files, _cut(files, partitions, cuttable=name in _CUTTABLE), name, errors)


def _cut(files: Sequence[DataFile], partitions: int, *, cuttable: bool) -> list[list[_Range]]:
    """Cut files, laid end to end, into partitions of about the same number of bytes."""
    ends = list(accumulate(file.size for file in files))
    bounds = [ends[-1] * number // partitions for number in range(partitions + 1)]
    ranges: list[list[_Range]] = [[] for _ in range(partitions)]
    for file, end in zip(files, ends, strict=True):
        begin = end - file.size
        first = min(bisect_right(bounds, begin) - 1, partitions - 1)
        if (
            not cuttable
            or file.size < _SMALLEST_CUT
            or infer_compression(file.file_name) is not None
        ):
            ranges[first].append(_Range(file, 0, file.size))
            continue
        for number in range(first, partitions):
            start, stop = max(bounds[number], begin) - begin, min(bounds[number + 1], end) - begin
            if start < stop:
                ranges[number].append(_Range(file, start, stop))
    return ranges
