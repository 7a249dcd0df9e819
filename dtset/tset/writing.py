"""Actions that write elements to files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from dtset.session.arguments import a_mapping
from dtset.tset.handle import Handle

if TYPE_CHECKING:
    from dtset.io.formats import Format

T = TypeVar("T")


class Writers(Handle[T]):
    """The actions of a TSet that write its elements to a folder, a file a partition."""

    def write_text(
        self,
        url: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        r"""Write texts to ``part-00000.txt`` and so on, each ended by a line feed unless it has one.

        A file is there under its name when it is complete, and not before. When the job is started again, those that
        its records name, and that are as they were then, stay; the others are written.

        Parameters
        ----------
        url : str
            fsspec URL or path of a folder; `storage_options` are passed to fsspec, and never written anywhere.
        overwrite : bool
            Whether to remove files named ``part-…`` that another program, or another version of this one, left in
            the folder. Else any file of another program is an error before anything is computed.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> env.parallelize(["a", "b", "c"], 2).write_text(folder / "out")
        >>> [path.read_text() for path in sorted((folder / "out").iterdir())]
        ['a\n', 'b\nc\n']
        """
        from dtset.io.formats import Text

        self._write(url, Text(), overwrite, storage_options)

    def write_csv(
        self,
        url: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Write named tuples, dicts or tuples to ``part-00000.csv`` and so on, a header in each; as `write_text` else.

        Plain tuples have columns named 0, 1 and so on. A partition without elements gets the columns of another.
        """
        from dtset.io.formats import Csv

        self._write(url, Csv(), overwrite, storage_options)

    def write_parquet(
        self,
        url: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Write named tuples, dicts or tuples to ``part-00000.parquet`` and so on; as `write_text` else.

        Needs pyarrow. A partition at a time is held in memory, as columns: each of one type of Arrow's, which holds its
        values as they are. A partition without elements gets the columns of another.
        """
        from dtset.io.arrow_batches import check_pyarrow
        from dtset.io.formats import Parquet

        check_pyarrow("write_parquet()")
        self._write(url, Parquet(), overwrite, storage_options)

    def _write(
        self,
        url: str | os.PathLike[str],
        format: Format,
        overwrite: bool,
        storage_options: Mapping[str, Any] | None,
    ) -> None:
        from dtset.io.writing import target_of

        target = target_of(url, format, a_mapping("storage_options", storage_options))
        self._session.write(self._node, target, overwrite=overwrite)
