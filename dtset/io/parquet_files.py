"""Parquet files as a source: their row groups, which belong to the part of the file that they begin in."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dtset.io.arrow_batches import (
    check_columns,
    check_pyarrow,
    from_arrow,
    naming,
    texts_of,
)
from dtset.io.cuts import Cutting
from dtset.io.file_source import FileSource
from dtset.io.files import DataFile, Urls, check_unchanged, find_files, opened

_SAID = "read_parquet()"
_ROWS = 8192


@dataclass(frozen=True)
class RowGroups:
    """Some columns of the row groups of a file whose first byte lies between two places.

    Where the columns were not chosen, they are `all` that the file may have.
    """

    file: DataFile
    start: int
    stop: int
    columns: tuple[str, ...]
    all: bool
    name: str = ""

    @property
    def size(self) -> int:
        """How many bytes there are between the two places."""
        return self.stop - self.start

    @cached_property
    def state(self) -> str:
        """What tells the row groups from what they were, without reading the file."""
        which = (self.file.name, self.file.identity, self.start, self.stop, self.columns, self.all)
        return hashlib.sha256(repr(which).encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def digest(self) -> str:
        """Read the columns' bytes; return their SHA-256, and that of what says how to decode them."""
        hasher = hashlib.sha256()
        with opened(self.file) as file:
            for _ in self._groups(file, hasher):
                pass
        check_unchanged(self.file)
        return hasher.hexdigest()

    def batches(self, contents: dict[str, str]) -> Iterator[Any]:
        """Give the rows as Arrow's batches; the digest is noted in `contents`."""
        hasher = hashlib.sha256()
        with opened(self.file) as file:
            for parquet, number in self._groups(file, hasher):
                for batch in parquet.iter_batches(
                    _ROWS, [number], list(self.columns), use_threads=False
                ):
                    yield batch.select(list(self.columns))
        contents[self.state] = hasher.hexdigest()

    def _groups(self, file: Any, hasher: Any) -> Iterator[tuple[Any, int]]:
        """Give the numbers of the row groups, whose bytes are then at hand, and were hashed."""
        held = _Held(file)
        parquet = _opened(held)
        metadata, schema = parquet.metadata, parquet.schema_arrow
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            chunks = [group.column(place) for place in range(group.num_columns)]
            begin = min((_range(chunk)[0] for chunk in chunks), default=-1)
            # Those of other files, as of ``_metadata``, are read there.
            if not self.start <= begin < self.stop or chunks[0].file_path:
                continue
            check_columns(_SAID, self.file, schema.names, self.columns, all=self.all)
            chosen = [chunk for chunk in chunks if self._is_chosen(chunk.path_in_schema)]
            how = [
                (
                    chunk.path_in_schema,
                    chunk.physical_type,
                    chunk.compression,
                    *_range(chunk, begin),
                )
                for chunk in chosen
            ]
            types = [str(schema.field(name)) for name in self.columns]
            hasher.update(repr((types, group.num_rows, how)).encode())
            for data in held.hold(sorted(map(_range, chosen))):
                hasher.update(data)
            yield parquet, number

    def _is_chosen(self, path: str) -> bool:
        return any(path == name or path.startswith(f"{name}.") for name in self.columns)


def _range(chunk: Any, origin: int = 0) -> tuple[int, int]:
    """Where the bytes of a column of a row group begin and end."""
    begin, dictionary = chunk.data_page_offset, chunk.dictionary_page_offset
    begin = min(begin, dictionary or begin) - origin
    return begin, begin + chunk.total_compressed_size


class _Held(io.RawIOBase):
    """A file of which some ranges are at hand."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._ranges: list[tuple[int, bytes]] = []
        self._place = 0

    def hold(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Read ranges, adjacent ones at once, and forget others."""
        joined: list[list[int]] = []
        for begin, end in ranges:
            if joined and begin <= joined[-1][1]:
                joined[-1][1] = max(end, joined[-1][1])
            else:
                joined.append([begin, end])
        self._ranges = []
        for begin, end in joined:
            self._file.seek(begin)
            self._ranges.append((begin, self._file.read(end - begin)))
        return [data for _, data in self._ranges]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence == io.SEEK_END:
            self._place = self._file.seek(offset, whence)
        else:
            self._place = offset + (self._place if whence else 0)
        return self._place

    def readinto(self, buffer: Any) -> int:
        data = self._found(len(buffer))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def _found(self, size: int) -> Any:
        for begin, data in self._ranges:
            if begin <= self._place and self._place + size <= begin + len(data):
                return memoryview(data)[self._place - begin :][:size]
        self._file.seek(self._place)
        return self._file.read(size)


def _opened(file: Any) -> Any:
    from pyarrow.parquet import ParquetFile

    return ParquetFile(file, pre_buffer=False)


@dataclass(frozen=True)
class _Rows:
    """Reads row groups as rows: named tuples, or dicts."""

    columns: tuple[str, ...]
    as_dicts: bool
    compression: str | None = None

    @property
    def how(self) -> Mapping[str, object]:
        return {"columns": self.columns, "as dicts": self.as_dicts}

    def elements(self, part: RowGroups, contents: dict[str, str]) -> Iterator[Any]:
        with naming(_SAID, part.file.name, "write it anew"):
            for batch in part.batches(contents):
                yield from_arrow(batch, as_dicts=self.as_dicts)


def parquet_source(
    urlpath: Urls,
    cutting: Cutting,
    columns: Sequence[str] | None,
    as_dicts: bool,
    storage_options: Mapping[str, Any],
) -> FileSource:
    """Find Parquet files, and cut them into partitions; the first one that has columns says which there are."""
    check_pyarrow(_SAID)
    found = find_files(urlpath, storage_options)
    # Spark's _SUCCESS, say.
    files = [file for file in found if file.size or not file.file_name.startswith("_")] or found
    names: list[str] = []
    for file in files:
        with naming(_SAID, file.name, "name Parquet files only"), opened(file) as raw:
            names = _opened(raw).schema_arrow.names
        if names:
            break
    chosen = texts_of(_SAID, "columns", columns) or tuple(names)
    if names:
        check_columns(_SAID, file, names, chosen)
    cut = cutting.cut(urlpath, files, lambda file: True)
    parts = [
        [RowGroups(part.file, part.start, part.stop, chosen, columns is None) for part in each]
        for each in cut
    ]
    return FileSource(files, parts, _Rows(chosen, as_dicts))
