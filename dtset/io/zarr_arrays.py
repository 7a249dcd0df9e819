"""Zarr arrays as a source: their rows, in partitions that are cut between chunks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dtset.errors import ConfigurationError
from dtset.fingerprint import fingerprint
from dtset.io.files import DataFile, check_unchanged, failing, find_files, fixed_names
from dtset.operators.sources import share
from dtset.plan.context import TSetContext
from dtset.storage.batch import Batch
from dtset.storage.numpy_batches import from_numpy
from dtset.urls import shown_url

# c/0/1 and c.0.1 of format 3, 0/1 and 0.1 of format 2.
_CHUNK = re.compile(r"(?:c[/.])?(\d+)(?:[/.]\d+)*\Z")


@dataclass(frozen=True)
class ZarrSource:
    """Rows of a Zarr array, chunk by chunk."""

    url: str = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)
    rows: int
    chunk: int
    files: Mapping[str, DataFile] = field(repr=False)

    def identity(self) -> Mapping[str, object]:
        """Return what the rows depend on: the states of the array's files."""
        return {f"file {name}": (file.size, file.identity) for name, file in self.files.items()}

    def reads(self, partitions: int) -> Sequence[tuple[object, tuple[()]]]:
        """Return what each partition's rows depend on: all of the array's files, and which rows they are."""
        files = fingerprint(self.identity())
        return [((files, *self.bounds(number, partitions)), ()) for number in range(partitions)]

    def bounds(self, partition: int, partitions: int) -> tuple[int, int]:
        """Return the first row of a partition, and the first one after it."""
        chunks = -(-self.rows // self.chunk)
        if chunks < partitions:
            return share(self.rows, partition, partitions)
        first, last = share(chunks, partition, partitions)
        return first * self.chunk, min(last * self.chunk, self.rows)

    def batches(self, ctx: TSetContext, limit: int) -> Iterator[Batch]:
        """Return the rows of one partition, each chunk of which is read once."""
        array = _opened(self.url, self.options)
        start, stop = self.bounds(ctx.index, ctx.parallelism)
        begin = start
        while begin < stop:
            end = min(stop, (begin // self.chunk + 1) * self.chunk)
            with failing(self.url, self.options):
                read = array[begin:end]
            for first in range(0, len(read), limit):
                yield from_numpy(read[first : first + limit])
            begin = end
        for name, file in self.files.items():
            found = _CHUNK.match(name)
            first = 0 if found is None else int(found[1]) * self.chunk
            if found is None or (first < stop and start < first + self.chunk):
                check_unchanged(file)


def zarr_source(url: Any, options: Mapping[str, Any]) -> ZarrSource:
    """Find a Zarr array, and the files that it is made of."""
    names = fixed_names(url)
    if len(names) != 1:
        raise ConfigurationError(f"read_zarr() takes the URL of one array, and was given {url!r}")
    place = names[0].rstrip("/")
    array = _opened(place, options)
    if not array.ndim:
        raise ConfigurationError(
            f"{shown_url(place)} is an array without dimensions, which has no rows"
        )
    files = {}
    for pattern in ("zarr.json", ".zarray", "**/*"):
        try:
            found: Sequence[DataFile] = find_files(f"{place}/{pattern}", options)
        except FileNotFoundError:
            continue
        prefix = len(shown_url(place)) + 1
        files.update({file.name[prefix:]: file for file in found})
    shape = array.shards or array.chunks
    return ZarrSource(place, options, array.shape[0], max(1, shape[0]), files)


def _opened(url: str, options: Mapping[str, Any]) -> Any:
    import zarr
    from zarr.errors import NodeTypeValidationError

    try:
        with failing(url, options):
            kwargs: dict[str, Any] = (
                {} if os.path.isabs(url) else {"storage_options": dict(options)}
            )
            return zarr.open_array(url, mode="r", **kwargs)
    except (FileNotFoundError, NodeTypeValidationError):
        raise FileNotFoundError(
            f"no Zarr array is at {shown_url(url)}: read_zarr() takes the URL of an array, not of a group"
        ) from None
