"""Files, cut into partitions, as a source: what the elements depend on, and how a reader comes to them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

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
from dtset.plan.reads import FileRange


class FileReader(Protocol):
    """How parts of files, each a `FileRange` with a `file`, `start` and `stop`, become elements."""

    @property
    def compression(self) -> str | None:
        """How files are said to be compressed: ``infer`` where their names say it."""

    @property
    def how(self) -> Mapping[str, object]:
        """What the elements depend on besides the files."""

    def elements(self, part: Any, contents: dict[str, str]) -> Iterator[Any]:
        """Give the elements of a part, or batches of them; digests of what was read are noted in `contents`."""


@dataclass(frozen=True)
class FileSource:
    """What is read of files, cut into partitions."""

    files: Sequence[DataFile] = field(repr=False)
    parts: Sequence[Sequence[Any]] = field(repr=False)
    reader: FileReader

    def identity(self) -> Mapping[str, object]:
        """Return what the elements depend on: the files, by name, and how they are read."""
        files = {
            f"file {name}": f"{file.size};{file.identity}"
            for name, file in below_common_folder(self.files)
        }
        # Partitions are what functions see; where they begin, and in which file, makes others. Elements may have names in them.
        numbers = {file: number for number, file in enumerate(self.files)}
        cuts = tuple(
            tuple((numbers[part.file], part.start, part.stop, part.name) for part in parts)
            for parts in self.parts
        )
        compressed = tuple(tuple(self._compressed(parts)) for parts in self.parts)
        return {**self.reader.how, "compression": compressed, **files, "cuts": cuts}

    def _compressed(self, parts: Sequence[Any]) -> list[str | None]:
        """How the files of some parts are compressed, whoever says so: an argument, or their names."""
        return [compression_of(part.file, self.reader.compression) for part in parts]

    @property
    def places(self) -> Mapping[str, str]:
        """Where people look for the files: as seen from the working directory, if they are below it."""
        return {f"file {name}": place_of(file) for name, file in below_common_folder(self.files)}

    def reads(self, partitions: int) -> Sequence[tuple[object, Sequence[FileRange]]]:
        """Return what each partition's elements depend on: how they are read, and parts of files."""
        # There may be ten thousand partitions, and as many columns: a text is digested fast.
        how = repr(self.reader.how)
        return [(f"{how} {self._compressed(parts)}", parts) for parts in self.parts]

    def elements(self, ctx: TSetContext) -> Iterator[Any]:
        """Return what the reader gives of one partition."""
        for part in self.parts[ctx.index]:
            yield from self.reader.elements(part, ctx.notes.contents)
            check_unchanged(part.file)

    def batches(self, ctx: TSetContext, limit: int) -> Iterator[Any]:
        """Return the batches of one partition that the reader gives, cut to a limit."""
        for batch in self.elements(ctx):
            for start in range(0, len(batch), limit):
                yield batch[start : start + limit]


@dataclass(frozen=True)
class WholeFiles:
    """Reads files as pairs of their names and all of their bytes."""

    compression: str | None = None

    @property
    def how(self) -> Mapping[str, object]:
        """What the elements depend on besides the files: nothing."""
        return {"reading": "whole files"}

    def elements(self, part: FilePart, contents: dict[str, str]) -> Iterator[Any]:
        """Give the pair of a file."""
        with part.reading(contents) as file:
            yield part.name, file.read()


def whole_files(urlpath: Urls, cutting: Cutting, storage_options: Mapping[str, Any]) -> FileSource:
    """Find files to be read whole, and share them among partitions."""
    files = find_files(urlpath, storage_options)
    parts = cutting.cut(urlpath, files, lambda file: False)
    return FileSource(files, named(parts), WholeFiles())


def named(parts: Sequence[Sequence[FilePart]]) -> list[list[FilePart]]:
    """Return parts on whose files' names elements depend."""
    return [[replace(part, name=part.file.relative) for part in each] for each in parts]


def check_compression(said: str, compression: str | None) -> None:
    """Raise ConfigurationError where nothing is compressed so."""
    known = sorted(each for each in fsspec.compression.compr if each is not None)
    if compression not in ("infer", None, *known):
        raise ConfigurationError(
            f"{said}(compression={compression!r}): give 'infer', None, or one of {', '.join(known)}"
        )


def compression_of(file: DataFile, compression: str | None) -> str | None:
    """How a file is compressed: as was said, or, if that is to be inferred, as its name says."""
    return infer_compression(file.file_name) if compression == "infer" else compression


@contextmanager
def reading(part: FilePart, compression: str | None, contents: dict[str, str]) -> Iterator[Any]:
    """Open a part for its bytes, uncompressed."""
    compression = compression_of(part.file, compression)
    if compression == "zip":
        # It is read from its end on, not in order.
        with opened(part.file) as raw:
            yield _only_member(raw, part.file)
        return
    with part.reading(contents) as file:
        yield (
            file if compression is None else fsspec.compression.compr[compression](file, mode="rb")
        )


def _only_member(file: Any, archive: DataFile) -> Any:
    members = zipfile.ZipFile(file)
    names = [each for each in members.namelist() if not each.endswith("/")]
    if len(names) != 1:
        raise ConfigurationError(
            f"{archive.name} holds {len(names)} files: say which to read, as in zip://*::{place_of(archive)}"
        )
    return members.open(names[0])
