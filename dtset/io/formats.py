"""Formats of files that elements are written to, batch by batch."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Protocol

from dtset.storage.batch import Batch


class Format(Protocol):
    """How elements become the bytes of a file."""

    @property
    def said(self) -> str:
        """What people call it: the method that writes it."""

    @property
    def suffix(self) -> str:
        """What names of files end with."""

    def write(self, batches: Iterable[Batch], file: Any) -> None:
        """Write the elements of a partition, of which there are some, to a file that is open for bytes."""

    def write_none(self, like: Any, file: Any) -> None:
        """Write no elements, with the columns of another file of the format, where there is one."""


class Text:
    """A text a line."""

    said = "write_text"
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

    def write_none(self, like: Any, file: Any) -> None:
        """Write nothing."""


class Csv:
    """Comma-separated values, with a header."""

    said = "write_csv"
    suffix = ".csv"

    def write(self, batches: Iterable[Batch], file: Any) -> None:
        """Write rows."""
        names: tuple[str, ...] | None = None
        for batch in batches:
            lines: list[str] = []
            writer = self._writer(lines)
            for row in batch.rows():
                if names is None:
                    names = column_names("write_csv()", row)
                    writer.writerow(names)
                writer.writerow(values_of("write_csv()", row, names))
            file.write("".join(lines).encode())

    def write_none(self, like: Any, file: Any) -> None:
        """Write the header."""
        lines: list[str] = []
        if like is not None:
            self._writer(lines).writerow(
                next(csv.reader(io.TextIOWrapper(like, "utf-8", newline="")))
            )
        file.write("".join(lines).encode())

    def _writer(self, lines: list[str]) -> Any:
        # Fields are quoted for the sake of what ends lines: of a carriage return too, which ends one for readers.
        keep = SimpleNamespace(write=lambda line: lines.append(f"{line[:-2]}\n"))
        return csv.writer(keep, lineterminator="\r\n")


class Parquet:
    """Apache Parquet; the rows of one partition at a time are held in memory, as Arrow's columns."""

    said = "write_parquet"
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
            columns = map(_arrow_column, names, zip(*values, strict=True))
            tables.append(pa.table(list(columns), names))
        try:
            merged = pa.concat_tables(tables, promote_options="permissive")
        except pa.ArrowException as error:
            raise _unlike(error) from error
        parquet.write_table(merged, file)

    def write_none(self, like: Any, file: Any) -> None:
        """Write the schema."""
        import pyarrow as pa
        from pyarrow import parquet

        schema = pa.schema([]) if like is None else parquet.read_schema(like)
        parquet.write_table(schema.empty_table(), file)


def _arrow_column(name: str, given: Iterable[Any]) -> Any:
    """Return values as an array of Arrow's that is equal to them; what pandas has no value for is null."""
    import pyarrow as pa

    values = [None if type(value).__name__ in ("NaTType", "NAType") else value for value in given]
    try:
        array = pa.array(values)
        if pa.types.is_temporal(array.type):
            zones = {getattr(value, "tzinfo", None): value for value in values if value is not None}
            if len({pa.scalar(value).type for value in zones.values()}) > 1:
                raise pa.ArrowTypeError("times in several time zones, or in none, are mixed")
            if not _are_equal(array, values):
                # Arrow leaves the nanoseconds of pandas out, and the time of a datetime among dates.
                is_time = pa.types.is_timestamp(array.type)
                finer = pa.timestamp("ns", array.type.tz) if is_time else pa.duration("ns")
                array = pa.array(values, finer)
            if not _are_equal(array, values):
                raise pa.ArrowTypeError("dates and times are mixed")
    except (pa.ArrowException, OverflowError) as error:
        raise _unlike(error, f"column {name!r}: ") from error
    return array


def _are_equal(array: Any, values: Sequence[Any]) -> bool:
    pairs = zip(array.to_pylist(), values, strict=True)
    return all(found == value or value != value for found, value in pairs)


def _unlike(error: Exception, where: str = "") -> TypeError:
    return TypeError(
        f"write_parquet() takes columns each of one type of Arrow's: {where}{error}. Map the elements to some"
    )


def column_names(said: str, row: Any) -> tuple[str, ...]:
    """Return the names of a row's columns: fields, keys, or numbers from 0.

    Examples
    --------
    >>> column_names("write_csv()", {"a": 1, "b": 2}), column_names("write_csv()", ("x", "y"))
    (('a', 'b'), ('0', '1'))
    """
    if isinstance(row, Mapping):
        names = tuple(map(str, row))
        if len(set(names)) < len(names):
            raise TypeError(f"{said} takes dicts whose keys differ as text; this is {row!r:.80}")
        return names
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
