"""Files of comma-separated values as a source, read by pyarrow."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any

from dtset.errors import ConfigurationError
from dtset.io.arrow_batches import (
    check_columns,
    check_pyarrow,
    from_arrow,
    naming,
    texts_of,
)
from dtset.io.cuts import Cutting
from dtset.io.file_parts import FilePart
from dtset.io.file_source import FileSource, check_compression, compression_of, reading
from dtset.io.files import DataFile, Urls, find_files
from dtset.io.text import CUTTABLE, codec_name

_SAID = "read_csv()"
_ADVICE = (
    "give types= that all values have, as in types={'zip': str}, delimiter=, quote=, skip_rows=, line_breaks= or encoding= "
    "as the file has them, or mend it"
)
# So much of the first file says what types there are, and a row is not longer than the largest block.
_SAMPLE, _BLOCK = 1 << 20, 1 << 24
_TYPES: Mapping[object, object] = {
    bool: "bool",
    int: "int64",
    float: "float64",
    str: "string",
    bytes: "binary",
    date: "date32",
    time: "time64[us]",
    datetime: "timestamp[us]",
}


@dataclass(frozen=True)
class Dialect:
    """How rows are written in the files; with `column_names` these have no header."""

    delimiter: str
    quote: str | None
    encoding: str
    compression: str | None
    skip_rows: int
    column_names: Sequence[str] | None
    null_values: Sequence[str] | None
    line_breaks: bool

    def __post_init__(self) -> None:
        for name in ("delimiter", "quote"):
            value = getattr(self, name)
            is_character = isinstance(value, str) and len(value) == 1
            if not is_character and (name, value) != ("quote", None):
                raise ConfigurationError(f"{_SAID}: {name}={value!r}: give one character")
        if not isinstance(self.skip_rows, int) or self.skip_rows < 0:
            raise ConfigurationError(
                f"{_SAID}: skip_rows={self.skip_rows!r}: give a number of lines"
            )
        for name in ("column_names", "null_values"):
            object.__setattr__(self, name, texts_of(_SAID, name, getattr(self, name)))


@dataclass(frozen=True)
class _Rows:
    """Reads rows as named tuples, or dicts; where the columns were not chosen, they are `all` that there may be."""

    dialect: Dialect
    columns: tuple[str, ...]
    types: tuple[Any, ...]
    all: bool
    as_dicts: bool

    @property
    def compression(self) -> str | None:
        """How files are said to be compressed."""
        return self.dialect.compression

    @property
    def how(self) -> Mapping[str, object]:
        types = [(name, str(kind)) for name, kind in zip(self.columns, self.types, strict=True)]
        return {"dialect": vars(self.dialect), "columns": types, "as dicts": self.as_dicts}

    def elements(self, part: FilePart, contents: dict[str, str]) -> Iterator[Any]:
        where = f"{part.file.name}{f', from byte {part.start} on' if part.start else ''}"
        with naming(_SAID, where, _ADVICE):
            types = dict(zip(self.columns, self.types, strict=True))
            with reading(part, self.dialect.compression, contents) as file:
                for batch in self._batches(part, file, types):
                    yield from_arrow(batch, as_dicts=self.as_dicts)

    def _batches(self, part: FilePart, file: Any, types: Mapping[str, Any]) -> Iterator[Any]:
        import pyarrow as pa

        try:
            table = _opened(file, self.dialect, _BLOCK, types, None if self.all else self.columns)
            if table is None:
                return
            names = table.schema.names
            check_columns(_SAID, part.file, names, self.columns, all=self.all)
            for batch in table:
                yield batch.select(list(self.columns))
        except pa.ArrowException as error:
            found = re.search(r"column #(\d+)", str(error))
            if found is None and not isinstance(error, KeyError):
                raise
            names = sampled(part, self.dialect).names
            check_columns(_SAID, part.file, names, self.columns)
            where = f"column {names[int(found[1])]!r}: " if found else ""
            raise pa.ArrowInvalid(f"{where}{error}") from error


def _opened(
    file: Any,
    dialect: Dialect,
    block: int,
    types: Mapping[str, Any] | None = None,
    columns: Sequence[str] | None = None,
) -> Any:
    """Open a file as a table that gives batches; None if it has no rows."""
    import pyarrow as pa
    from pyarrow import csv

    nulls = dialect.null_values
    try:
        return csv.open_csv(
            file,
            csv.ReadOptions(
                use_threads=False,
                block_size=block,
                skip_rows=dialect.skip_rows,
                column_names=dialect.column_names,
                encoding=dialect.encoding,
            ),
            csv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=dialect.quote or False,
                newlines_in_values=dialect.line_breaks,
            ),
            csv.ConvertOptions(
                column_types=types,
                include_columns=columns,
                strings_can_be_null=nulls is not None,
                null_values=nulls,
            ),
        )
    except pa.ArrowInvalid as error:
        # Also of one that has nothing but a header without a line end.
        if "Empty CSV file" in str(error):
            return None
        raise


def sampled(part: FilePart, dialect: Dialect) -> Any:
    """Return the schema that the beginning of a part has by itself."""
    import pyarrow as pa

    size, head = _SAMPLE, b""
    with reading(part, dialect.compression, {}) as file:
        while True:
            # The last row may be cut, and is in the second block.
            head += file.read(2 * size - len(head))
            try:
                table = _opened(io.BytesIO(head), dialect, size)
                return pa.schema([]) if table is None else table.schema
            except pa.ArrowInvalid:
                if len(head) < 2 * size or size >= _BLOCK:
                    raise
            size *= 4


def csv_source(
    urlpath: Urls,
    cutting: Cutting,
    dialect: Dialect,
    columns: Sequence[str] | None,
    types: Mapping[str, object],
    as_dicts: bool,
    storage_options: Mapping[str, Any],
) -> FileSource:
    """Find files, and cut them into partitions; the first one that has a row says which columns there are, and types."""
    check_pyarrow(_SAID)
    check_compression("read_csv", dialect.compression)
    name = codec_name("read_csv", dialect.encoding)
    files = find_files(urlpath, storage_options)
    first, schema = _first(files, dialect)
    chosen = texts_of(_SAID, "columns", columns) or tuple(schema.names)
    if schema.names:
        check_columns(_SAID, first, schema.names, chosen)
    given = {each: _arrow_type(each, kind) for each, kind in types.items()}
    unknown = [each for each in given if schema.names and each not in schema.names]
    if unknown:
        raise ConfigurationError(
            f"{_SAID}: types= names a column {unknown[0]!r}, and {first.name} has {schema.names}"
        )
    known = {each.name: _without_surprises(each.type) for each in schema} | given
    reader = _Rows(
        dialect,
        chosen,
        tuple(known.get(each) or _arrow_type(each, str) for each in chosen),
        columns is None,
        as_dicts,
    )
    is_cuttable = name in CUTTABLE and not dialect.line_breaks
    cut = cutting.cut(
        urlpath,
        files,
        lambda file: is_cuttable and compression_of(file, dialect.compression) is None,
    )
    head = (dialect.skip_rows, dialect.column_names is None)
    return FileSource(files, [[replace(part, head=head) for part in each] for each in cut], reader)


def _first(files: Sequence[DataFile], dialect: Dialect) -> tuple[DataFile, Any]:
    """Return the first file that has a row and its schema; of those that have none, the first that has columns."""
    import pyarrow as pa

    found = files[0], pa.schema([])
    for file in files:
        with naming(_SAID, file.name, _ADVICE):
            schema = sampled(FilePart(file, 0, file.size), dialect)
        if any(not pa.types.is_null(each.type) for each in schema):
            return file, schema
        if not found[1].names:
            found = file, schema
    return found


def _without_surprises(kind: Any) -> Any:
    """The type of a column for what Arrow took it for: texts for bytes that are none, times that Python has."""
    import pyarrow as pa

    if pa.types.is_binary(kind):
        return pa.string()
    return (
        pa.timestamp("us", kind.tz)
        if kind == pa.timestamp("ns", getattr(kind, "tz", None))
        else kind
    )


def _arrow_type(column: str, given: object) -> Any:
    import pyarrow as pa

    if isinstance(given, pa.DataType):
        return given
    try:
        return pa.type_for_alias(_TYPES.get(given, given))
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{_SAID}: types={{{column!r}: {given!r}}}: give one of Python's types, Arrow's, or the name of one of these"
        ) from error
