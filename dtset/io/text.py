"""Lines of text files as a source."""

from __future__ import annotations

import codecs
import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TextIO

import fsspec
from fsspec.utils import infer_compression

from dtset.errors import ConfigurationError
from dtset.io.cuts import Cutting
from dtset.io.file_parts import FilePart
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

_CHARACTERS = 1 << 20
# In these, the byte of a line feed is nothing else, and decoding can begin after any of them.
_CUTTABLE = ("utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252")


@dataclass(frozen=True)
class TextSource:
    """Lines of text files, cut into partitions; with the names of their files if `with_path`."""

    files: Sequence[DataFile] = field(repr=False)
    parts: Sequence[Sequence[FilePart]] = field(repr=False)
    encoding: str
    errors: str
    compression: str | None = "infer"
    delimiter: str | None = None
    with_path: bool = False

    def identity(self) -> Mapping[str, object]:
        """Return what the lines depend on: the files, by name, and how they are read."""
        files = {
            f"file {name}": f"{file.size};{file.identity}"
            for name, file in below_common_folder(self.files)
        }
        how = {"encoding": (self.encoding, self.errors), "reading": self._reading}
        # Partitions are what functions see; where they begin, and in which file, makes others.
        numbers = {file: number for number, file in enumerate(self.files)}
        cuts = tuple(
            tuple((numbers[part.file], part.start, part.stop) for part in parts)
            for parts in self.parts
        )
        return {**how, **files, "cuts": cuts}

    @property
    def places(self) -> Mapping[str, str]:
        """Where people look for the files: as seen from the working directory, if they are below it."""
        return {f"file {name}": place_of(file) for name, file in below_common_folder(self.files)}

    def reads(self, partitions: int) -> Sequence[tuple[object, Sequence[FilePart]]]:
        """Return what each partition's lines depend on: how they are read, and parts of files."""
        how = (self.encoding, self.errors, self._reading)
        return [(how, parts) for parts in self.parts]

    @property
    def _reading(self) -> object:
        return self.compression, self.delimiter, self.with_path

    def elements(self, ctx: TSetContext) -> Iterator[object]:
        """Return the lines of one partition."""
        for part in self.parts[ctx.index]:
            try:
                lines = self._lines(part, ctx.notes.contents)
                yield from (
                    ((line, part.file.relative) for line in lines) if self.with_path else lines
                )
            except UnicodeDecodeError as error:
                error.add_note(
                    f"in {part.file.name}: give read_text the file's encoding=, or errors='replace'"
                )
                raise
            check_unchanged(part.file)

    def _lines(self, part: FilePart, contents: dict[str, str]) -> Iterator[str]:
        compression = compression_of(part.file, self.compression)
        with (
            part.reading(contents)
            if compression is None
            else _uncompressed(part.file, compression) as file
        ):
            newline = None if self.delimiter is None else ""
            with io.TextIOWrapper(
                file, encoding=self.encoding, errors=self.errors, newline=newline
            ) as text:
                yield from text if self.delimiter is None else _delimited(text, self.delimiter)


def compression_of(file: DataFile, compression: str | None) -> str | None:
    """How a file is compressed: as was said, or, if that is to be inferred, as its name says."""
    return infer_compression(file.file_name) if compression == "infer" else compression


def _delimited(text: TextIO, delimiter: str) -> Iterator[str]:
    """Cut a text after each delimiter, which stays with what it ends."""
    rest = ""
    while data := text.read(_CHARACTERS):
        *lines, rest = (rest + data).split(delimiter)
        for line in lines:
            yield line + delimiter
    if rest:
        yield rest


@contextmanager
def _uncompressed(file: DataFile, compression: str) -> Iterator[Any]:
    """Open a compressed file for the bytes that are in it."""
    with opened(file) as raw:
        if compression == "zip":
            yield _only_member(raw, file)
        else:
            yield fsspec.compression.compr[compression](raw, mode="rb")


def _only_member(file: Any, archive: DataFile) -> Any:
    members = zipfile.ZipFile(file)
    names = [each for each in members.namelist() if not each.endswith("/")]
    if len(names) != 1:
        raise ConfigurationError(
            f"{archive.name} holds {len(names)} files: say which to read, as in zip://*::{place_of(archive)}"
        )
    return members.open(names[0])


def text_source(
    urlpath: Urls,
    cutting: Cutting,
    encoding: str,
    errors: str,
    storage_options: Mapping[str, Any],
    compression: str | None = "infer",
    delimiter: str | None = None,
    with_path: bool = False,
) -> TextSource:
    """Find text files, and cut them into partitions."""
    try:
        name = codecs.lookup(encoding).name
        codecs.lookup_error(errors)
    except LookupError as error:
        raise ConfigurationError(
            f"read_text(encoding={encoding!r}, errors={errors!r}): {error}"
        ) from error
    known = sorted(each for each in fsspec.compression.compr if each is not None)
    if compression not in ("infer", None, *known):
        raise ConfigurationError(
            f"read_text(compression={compression!r}): give 'infer', None, or one of {', '.join(known)}"
        )
    if delimiter is not None and not (isinstance(delimiter, str) and delimiter):
        raise ConfigurationError(f"read_text(delimiter={delimiter!r}): give a text that ends lines")
    files = find_files(urlpath, storage_options)
    for file in files:
        if re.search(r"\.(tar|tgz|tbz2|txz)(\.\w+)?$", file.file_name):
            raise ConfigurationError(
                f"{file.name} is an archive: say which files of it to read, as in tar://*::{place_of(file)}"
            )
    ending = "\n" if delimiter is None else delimiter
    # Where one may begin inside of another, it depends on what comes before which of them counts.
    overlaps = any(ending.startswith(ending[start:]) for start in range(1, len(ending)))
    is_cuttable = name in _CUTTABLE and not overlaps
    parts = cutting.cut(
        urlpath,
        files,
        lambda file: is_cuttable and compression_of(file, compression) is None,
        ending.encode(name),
    )
    if with_path:
        parts = [[replace(part, name=part.file.relative) for part in each] for each in parts]
    return TextSource(files, parts, name, errors, compression, delimiter, with_path)
