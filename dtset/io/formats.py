"""Formats of files that elements are written to, batch by batch."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, Protocol

from dtset.errors import ConfigurationError
from dtset.storage.batch import Batch


class Format(Protocol):
    """How elements become the bytes of a file."""

    @property
    def suffix(self) -> str:
        """What names of files end with."""

    def write(self, batches: Iterable[Batch], file: Any) -> None:
        """Write the elements of a partition to a file that is open for bytes."""


class Text:
    """A text a line."""

    suffix = ".txt"

    def write(self, batches: Iterable[Batch], file: Any) -> None:
        """Write texts, each with a line feed at its end."""
        for batch in batches:
            lines = batch.rows()
            for line in lines:
                if not isinstance(line, str):
                    raise TypeError(
                        f"write_text() takes texts; this is {type(line).__qualname__} {line!r:.80}: map(str) first"
                    )
            file.write(
                "".join(line if line.endswith("\n") else f"{line}\n" for line in lines).encode()
            )


class Csv:
    """Comma-separated values, with a header."""

    suffix = ".csv"

    def write(self, batches: Iterable[Batch], file: Any) -> None:
        """Write rows; a partition without elements gives an empty file, as nothing says its columns."""
        names: tuple[str, ...] | None = None
        for batch in batches:
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            for row in batch.rows():
                if names is None:
                    names = column_names("write_csv()", row)
                    writer.writerow(names)
                writer.writerow(values_of("write_csv()", row, names))
            file.write(text.getvalue().encode())


class Parquet:
    """Apache Parquet; the rows of one partition at a time are held in memory, as Arrow's columns."""

    suffix = ".parquet"

    def write(self, batches: Iterable[Batch], file: Any) -> None:
        """Write rows: columns are of one type, that of all elements of the partition."""
        import pyarrow as pa
        from pyarrow import parquet

        names: tuple[str, ...] = ()
        tables = []
        for batch in batches:
            rows = batch.rows()
            names = names or column_names("write_parquet()", rows[0])
            values = [values_of("write_parquet()", row, names) for row in rows]
            columns = zip(*values, strict=True) if names else ()
            tables.append(pa.table(dict(zip(names, map(list, columns), strict=True))))
        merged = pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})
        parquet.write_table(merged, file)


def check_parquet() -> None:
    """Raise ConfigurationError where there is no pyarrow."""
    try:
        import_module("pyarrow.parquet")
    except ImportError as error:
        raise ConfigurationError(
            "write_parquet() needs pyarrow: install it, as with pip install 'dtset[parquet]'"
        ) from error


def column_names(said: str, row: Any) -> tuple[str, ...]:
    """Return the names of a row's columns: fields, keys, or numbers from 0.

    Examples
    --------
    >>> column_names("write_csv()", {"a": 1, "b": 2}), column_names("write_csv()", ("x", "y"))
    (('a', 'b'), ('0', '1'))
    """
    if isinstance(row, Mapping):
        return tuple(map(str, row))
    if isinstance(row, tuple):
        return getattr(row, "_fields", None) or tuple(map(str, range(len(row))))
    raise TypeError(
        f"{said} takes named tuples, dicts or tuples; this is {type(row).__qualname__} {row!r:.80}: map it to one"
    )


def values_of(said: str, row: Any, names: tuple[str, ...]) -> list[Any]:
    """Return the values of a row, whose columns are those of the first one of its file."""
    found = column_names(said, row)
    if found != names:
        if isinstance(row, Mapping) and set(found) == set(names):
            by_name = {str(key): value for key, value in row.items()}
            return [by_name[name] for name in names]
        raise TypeError(
            f"{said} takes rows with the same columns: the first of the partition has {list(names)}, and "
            f"{row!r:.80} has {list(found)}"
        )
    return list(row.values() if isinstance(row, Mapping) else row)
