"""The sources of an environment: what makes TSets from outside."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, overload

from dtset.errors import ConfigurationError, FingerprintError, UsageError
from dtset.fingerprint import fingerprint
from dtset.io.cuts import BlockSize
from dtset.io.function_files import function_files
from dtset.operators import sources
from dtset.operators.operator import Reader, function_of
from dtset.plan.nodes import Source, SourceData
from dtset.plan.rows import rows_of_frame
from dtset.session.arguments import a_mapping, a_number
from dtset.session.session import Session
from dtset.storage.batch import Rows
from dtset.storage.numpy_batches import Arrays, from_numpy
from dtset.tset.tset import KeyedTSet, TSet

if TYPE_CHECKING:
    from dtset.io.file_source import FileSource
    from dtset.io.files import Urls

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")
T_co = TypeVar("T_co", covariant=True)


class SourceObject(Protocol[T_co]):
    """What may be a source without deriving from `SourceFunc`."""

    def has_next(self) -> bool: ...  # noqa: D102

    def next(self) -> T_co: ...  # noqa: D102


SourceFunction: TypeAlias = SourceObject[T] | Callable[..., Iterable[T]]


class Sources:
    """Makes TSets in a session; in examples, `env` is a `TSetEnvironment`.

    `parallelism` is the number of partitions, 0 the environment's default; `storage_options` are passed to fsspec, and
    never written anywhere.
    """

    _session: Session

    def create_source(
        self,
        source_func: SourceFunction[T],
        parallelism: int = 0,
        *,
        depends_on: Urls | None = None,
    ) -> TSet[T]:
        """Make a TSet from a source of the user's.

        Parameters
        ----------
        source_func : SourceFunc or callable
            An object with ``has_next()`` and ``next()``, and perhaps ``prepare(ctx)`` and ``close()``; or
            ``f()`` or ``f(ctx)`` returning an iterable. Every partition works on a fresh copy of it.
        depends_on : path or sequence of path, optional
            Files that the source reads by itself, as of `TSet.map`.

        Examples
        --------
        >>> env.create_source(lambda ctx: range(ctx.index), 3).collect()
        [0, 0, 1]
        """
        node = self._function_source(sources.CREATE_SOURCE, source_func, parallelism, depends_on)
        return TSet(self._session, node)

    def create_keyed_source(
        self,
        source_func: SourceFunction[tuple[K, V]],
        parallelism: int = 0,
        *,
        depends_on: Urls | None = None,
    ) -> KeyedTSet[K, V]:
        """Make a KeyedTSet from a source of the user's that gives ``(key, value)`` pairs: as `create_source`."""
        node = self._function_source(
            sources.CREATE_KEYED_SOURCE, source_func, parallelism, depends_on
        )
        return KeyedTSet(self._session, node)

    @overload
    def parallelize(self, data: Mapping[K, V], parallelism: int = ...) -> KeyedTSet[K, V]: ...
    @overload
    def parallelize(self, data: Iterable[T], parallelism: int = ...) -> TSet[T]: ...
    def parallelize(
        self, data: Iterable[Any] | Mapping[Any, Any], parallelism: int = 0
    ) -> TSet[Any]:
        """Make a TSet from elements in the driver's memory, in contiguous partitions of about the same length.

        A mapping gives a KeyedTSet of its items, a pandas DataFrame its rows as named tuples. What is changed in it
        later is not seen.

        Examples
        --------
        >>> env.parallelize([1, 2, 3], 2).collect()
        [1, 2, 3]
        """
        if isinstance(data, Mapping):
            return self.parallelize_dict(data, parallelism)
        # A pandas DataFrame: iterated over, it would give the names of its columns.
        if hasattr(data, "itertuples"):
            data = rows_of_frame(data)
        return self.parallelize_list(data, parallelism)

    def parallelize_list(self, data: Iterable[T], parallelism: int = 0) -> TSet[T]:
        """Make a TSet from an iterable: Twister2's name for `parallelize`."""
        return TSet(self._session, self._sequence_source(data, parallelism))

    def parallelize_dict(
        self, data: Mapping[K, V], parallelism: int = 0, key_comparator: object = None
    ) -> KeyedTSet[K, V]:
        """Make a KeyedTSet from a mapping's items, in their own order, whatever Twister2's `key_comparator` says."""
        if not isinstance(data, Mapping):
            raise UsageError(
                f"parallelize_dict() takes a mapping, and was given a {type(data).__qualname__}"
            )
        return KeyedTSet(self._session, self._sequence_source(data.items(), parallelism))

    def range(
        self, start: int, stop: int | None = None, step: int = 1, parallelism: int = 0
    ) -> TSet[int]:
        """Make a TSet of integers, in contiguous partitions, as Python's ``range`` and PySpark's: one number is the stop.

        Examples
        --------
        >>> env.range(2, 8, 2, parallelism=2).collect()
        [2, 4, 6]
        """
        try:
            numbers = range(start) if stop is None else range(start, stop, step)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"range({start!r}, {stop!r}, {step!r}): {error}") from error
        data = sources.RangeSource(numbers.start, numbers.stop, numbers.step)
        return TSet(self._session, self._source(sources.RANGE, data, parallelism))

    def read_text(
        self,
        urlpath: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        parallelism: int = 0,
        *,
        block_size: BlockSize = "default",
        encoding: str = "utf-8",
        errors: str = "strict",
        compression: str | None = "infer",
        delimiter: str | None = None,
        with_path: bool = False,
        storage_options: Mapping[str, Any] | None = None,
    ) -> TSet[Any]:
        r"""Make a TSet of the lines of text files, with their line ends, as `dask.bag.read_text` does.

        Parameters
        ----------
        urlpath : str or sequence of str
            fsspec URLs or paths, globs included; read in the order of their names. What exists by a name is
            meant by it, also where it has ``*``, ``?`` or ``[`` in it. Wildcards match as in a shell: no hidden
            files and folders, ``**`` any folders below; links that lead nowhere are left out, with a warning.
            Files in archives are named ``zip://*.txt::a.zip``. A folder stands for the files in it, and ``{a,b}``
            for both.
        parallelism : int
            Partitions are of about the same number of bytes; 0: as many as `block_size` gives.
        block_size : int, str or None
            About how many bytes of files a partition reads: small ones are put together, larger ones are cut at ends
            of lines, so that one that is added, changed or appended to leaves the partitions of others as they are. Default: the
            smaller of 64 MiB and the power of two that gives about four partitions a thread, which a job keeps for
            these files. None: a partition for each file.
        encoding, errors : str
            As of ``open``.
        compression : str or None
            As fsspec names them; default: as the file's ending says. Compressed files are not cut.
        delimiter : str, optional
            What ends a line, and stays with it. Default: any line end.
        with_path : bool
            Give pairs of a line and the name of its file, from the first folder with a wildcard on.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.txt").write_text("one\ntwo\n")
        >>> env.read_text(folder / "*.txt", 2).map(str.strip).collect()
        ['one', 'two']
        >>> env.read_text(folder, delimiter="o", with_path=True).collect()
        [('o', 'a.txt'), ('ne\ntwo', 'a.txt'), ('\n', 'a.txt')]
        """
        from dtset.io.text import text_source

        options = a_mapping("storage_options", storage_options)
        cutting = self._session.cutting(parallelism, block_size)
        data = text_source(
            urlpath, cutting, encoding, errors, options, compression, delimiter, with_path
        )
        return self._file_source(sources.READ_TEXT, data)

    def read_files(
        self,
        urlpath: Urls,
        parallelism: int = 0,
        *,
        block_size: BlockSize = "default",
        storage_options: Mapping[str, Any] | None = None,
    ) -> TSet[tuple[str, bytes]]:
        """Make a TSet of files, none of which is cut: pairs of a name, as of `read_text`, and all bytes of a file.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.png").write_bytes(b"pixels")
        >>> env.read_files(folder).collect()
        [('a.png', b'pixels')]
        """
        from dtset.io.file_source import whole_files

        options = a_mapping("storage_options", storage_options)
        data = whole_files(urlpath, self._session.cutting(parallelism, block_size), options)
        return self._file_source(sources.READ_FILES, data)

    def read_csv(
        self,
        urlpath: Urls,
        parallelism: int = 0,
        *,
        block_size: BlockSize = "default",
        columns: Sequence[str] | None = None,
        types: Mapping[str, object] | None = None,
        as_dicts: bool = False,
        delimiter: str = ",",
        quote: str | None = '"',
        skip_rows: int = 0,
        column_names: Sequence[str] | None = None,
        null_values: Sequence[str] | None = None,
        line_breaks: bool = True,
        encoding: str = "utf-8",
        compression: str | None = "infer",
        storage_options: Mapping[str, Any] | None = None,
    ) -> TSet[Any]:
        r"""Make a TSet of the rows of CSV files, as pyarrow reads them: named tuples, or dicts. It needs pyarrow.

        `parallelism`, `block_size`, `encoding` and `compression` are as of `read_text`.

        Parameters
        ----------
        columns : sequence of str, optional
            Those to read, in this order. Default: all of the first file that has rows, and all files have the same.
        types : mapping, optional
            By column, one of Python's types, pyarrow's, or the name of one of these. Default: the first MiB of the
            first file that has rows says it for all files; a value that does not fit is an error.
        skip_rows, column_names : int and sequence of str, optional
            Lines before the header; the names, of files without one.
        null_values : sequence of str, optional
            What stands for None. Default: what pyarrow takes for it, and no text.
        line_breaks : bool
            Quoted values may hold line breaks, so that files are not cut. False: none does, and files are cut.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.csv"
        >>> _ = path.write_text("name,n\nx,1\n")
        >>> env.read_csv(path, types={"n": float}).collect()
        [Row(name='x', n=1.0)]
        """
        from dtset.io.csv_files import Dialect, csv_source

        dialect = Dialect(
            delimiter,
            quote,
            encoding,
            compression,
            skip_rows,
            column_names,
            null_values,
            line_breaks,
        )
        options, types = a_mapping("storage_options", storage_options), a_mapping("types", types)
        cutting = self._session.cutting(parallelism, block_size)
        data = csv_source(urlpath, cutting, dialect, columns, types, as_dicts, options)
        return self._file_source(sources.READ_CSV, data)

    def read_parquet(
        self,
        urlpath: Urls,
        parallelism: int = 0,
        *,
        block_size: BlockSize = "default",
        columns: Sequence[str] | None = None,
        as_dicts: bool = False,
        storage_options: Mapping[str, Any] | None = None,
    ) -> TSet[Any]:
        """Make a TSet of the rows of Parquet files: named tuples, or dicts. It needs pyarrow.

        A row group is read, of it the `columns` if some are chosen, by the partition, cut as of `read_text`, that it begins
        in. All files have the same columns, whose values are as the file's own types say.

        Examples
        --------
        >>> import tempfile, pyarrow as pa, pyarrow.parquet
        >>> path = f"{tempfile.mkdtemp()}/a.parquet"
        >>> pa.parquet.write_table(pa.table({"name": ["x", "y"], "n": [1, None]}), path)
        >>> env.read_parquet(path, columns=["n"], as_dicts=True).collect()
        [{'n': 1}, {'n': None}]
        """
        from dtset.io.parquet_files import parquet_source

        options = a_mapping("storage_options", storage_options)
        cutting = self._session.cutting(parallelism, block_size)
        data = parquet_source(urlpath, cutting, columns, as_dicts, options)
        return self._file_source(sources.READ_PARQUET, data)

    def read_zarr(
        self,
        url: str | os.PathLike[str],
        parallelism: int = 0,
        *,
        storage_options: Mapping[str, Any] | None = None,
    ) -> TSet[Any]:
        """Make a TSet of the rows of a Zarr array: its elements or, of one with more dimensions, an array a row.

        It is of format 2 or 3, at an fsspec URL or path. Partitions are cut between chunks where there are as many.

        Examples
        --------
        >>> import tempfile, numpy as np, zarr
        >>> folder = tempfile.mkdtemp()
        >>> array = zarr.create_array(folder, data=np.arange(6) / 2, chunks=2)
        >>> env.read_zarr(folder, 3).collect()
        [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
        """
        from dtset.io.zarr_arrays import zarr_source

        data = zarr_source(url, a_mapping("storage_options", storage_options))
        return TSet(self._session, self._source(sources.READ_ZARR, data, parallelism))

    def from_numpy(self, array: Arrays, parallelism: int = 0) -> TSet[Any]:
        """Make a TSet of the rows of an array, or of a tuple or dict of arrays with as many: as `TSet.map_batches` gives them.

        What is changed in it later is not seen.

        Examples
        --------
        >>> import numpy as np
        >>> env.from_numpy((np.arange(3), np.array(["a", "b", "c"])), 2).collect()
        [(0, 'a'), (1, 'b'), (2, 'c')]
        """
        partitions = self._partitions(parallelism)
        try:
            batch = from_numpy(array)
        except (TypeError, ValueError) as error:
            raise UsageError(
                "from_numpy() takes a NumPy array, or a tuple or a dict of arrays with as many rows, and was given "
                f"{array!r:.80}"
            ) from error
        try:
            digest = fingerprint(array)
        except FingerprintError:
            digest = None
        taken = self._session.snapshot(batch.__getitem__, len(batch), partitions, digest)
        return TSet(self._session, self._source(sources.FROM_NUMPY, taken, partitions))

    def from_bag(self, bag: Any, *, version: object = None) -> TSet[Any]:
        """Make a TSet of the elements of a `dask.bag.Bag`, with its partitions: its graph becomes part of those that read it.

        `version` is your word for what its elements are, to be changed when they change. Default: the functions and
        arguments of all its tasks are fingerprinted. What your functions read by themselves, from files say, is not
        looked at; tasks of libraries that read files are refused.

        Examples
        --------
        >>> import dask.bag
        >>> bag = dask.bag.from_sequence(range(4), npartitions=2).map(lambda i: i * i)
        >>> env.from_bag(bag).collect()
        [0, 1, 4, 9]
        """
        return self._collections(sources.FROM_BAG, [bag], version)

    def from_delayed(self, values: Any, *, version: object = None) -> TSet[Any]:
        """Make a TSet of `dask.delayed` values: each an iterable, the elements of a partition; `version` as of `from_bag`."""
        values = values if isinstance(values, Sequence) else [values]
        return self._collections(sources.FROM_DELAYED, values, version)

    def from_dataframe(
        self, frame: Any, parallelism: int = 0, *, version: object = None
    ) -> TSet[Any]:
        """Make a TSet of the rows of a DataFrame, as named tuples, without its index.

        One of `dask.dataframe` keeps its own partitions, and may have a `version`, as of `from_bag`.
        """
        if isinstance(getattr(frame, "npartitions", None), int):
            return self._collections(sources.FROM_DATAFRAME, [frame], version)
        if not hasattr(frame, "itertuples"):
            raise UsageError(f"from_dataframe() takes a DataFrame, and was given {frame!r:.80}")
        rows: TSet[Any] = self.parallelize(frame, parallelism)
        return rows

    def _collections(
        self, operator: Reader, collections: Sequence[Any], version: object
    ) -> TSet[Any]:
        from dtset.io.collections import collection_source

        data = collection_source(f"{operator.name}()", collections, version)
        return TSet(self._session, self._source(operator, data, len(data.keys)))

    def _partitions(self, parallelism: int) -> int:
        number = a_number(parallelism, least=0)
        if number is None:
            raise ConfigurationError(
                f"parallelism={parallelism!r}: give a number of partitions from 1 on, or 0 for the "
                f"environment's default of {self._session.parallelism}"
            )
        return number or self._session.parallelism

    def _source(self, operator: Reader, data: SourceData, parallelism: int) -> Source:
        self._session.check_open()
        return Source(operator=operator, data=data, parallelism=self._partitions(parallelism))

    def _file_source(self, operator: Reader, data: FileSource) -> TSet[Any]:
        self._session.check_open()
        return TSet(
            self._session, Source(operator=operator, data=data, parallelism=len(data.parts))
        )

    def _function_source(
        self, operator: Reader, function: object, parallelism: int, depends_on: Urls | None
    ) -> Source:
        self._session.check_open()
        return Source(
            operator=operator,
            functions=function_of(operator, function),
            parallelism=self._partitions(parallelism),
            files=function_files(depends_on),
        )

    def _sequence_source(self, data: Iterable[Any], parallelism: int) -> Source:
        try:
            elements = list(data)
        except TypeError as error:
            raise UsageError(f"parallelize() takes an iterable or a mapping: {error}") from error
        partitions = self._partitions(parallelism)
        taken = self._session.snapshot(lambda rows: Rows(elements[rows]), len(elements), partitions)
        return self._source(sources.PARALLELIZE, taken, partitions)
