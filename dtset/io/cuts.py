"""How files are cut into partitions: evenly, one each, or so that what becomes of a file leaves other partitions as they are."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, TypeAlias

from dask.utils import parse_bytes

from dtset.errors import UsageError
from dtset.io.file_parts import FilePart
from dtset.io.files import DataFile, Urls, fixed_names

BlockSize: TypeAlias = int | str | Literal["default"] | None
"""Bytes of a partition, as ``"64 MiB"`` too; None: a partition for each file."""
Cuttable: TypeAlias = Callable[[DataFile], bool]
_LARGEST_DEFAULT = 64 << 20
_PARTITIONS_OF_DEFAULT = 4
# Bundles end where names say so; where they do not for long, they end here.
_MOST_BLOCKS = 4


def default_block_size(total: int, parallelism: int) -> int:
    """Return the smaller of 64 MiB and the power of two that gives about four partitions a thread.

    Examples
    --------
    >>> default_block_size(1000, 2), default_block_size(10**12, 2) == 64 << 20
    (128, True)
    """
    wanted = max(1, total // (_PARTITIONS_OF_DEFAULT * parallelism))
    return int(min(_LARGEST_DEFAULT, 1 << (wanted - 1).bit_length()))


@dataclass(frozen=True)
class Cutting:
    """How files are cut: into a number of partitions, or, where that is 0, by a block size.

    The default one is asked for by the names that were given and the bytes of all files, and stays what it was for a job.
    """

    parallelism: int = 0
    block_size: BlockSize = "default"
    default: Callable[[Sequence[str], int], int] = lambda names, total: default_block_size(total, 1)

    def __post_init__(self) -> None:
        if self.parallelism and self.block_size != "default":
            raise UsageError(
                "parallelism= says how many partitions files are cut into, block_size= how large these are: give one of them"
            )

    def cut(
        self,
        urlpath: Urls,
        files: Sequence[DataFile],
        cuttable: Cuttable,
        delimiter: bytes = b"\n",
    ) -> list[list[FilePart]]:
        """Cut files into partitions."""
        if self.parallelism:
            return cut_evenly(files, self.parallelism, cuttable, delimiter)
        if self.block_size is None:
            return [[FilePart(file, 0, file.size, delimiter)] for file in files]
        if self.block_size == "default":
            size = self.default(fixed_names(urlpath), sum(file.size for file in files))
        else:
            size = _bytes(self.block_size)
        return cut_by_size(files, size, cuttable, delimiter)


def _bytes(block_size: int | str) -> int:
    try:
        size = int(parse_bytes(block_size))
    except (ValueError, TypeError, AttributeError):
        size = 0
    if size < 1:
        raise UsageError(
            f"block_size={block_size!r} is not a number of bytes: give one such as '64 MiB', or None for a partition a file"
        )
    return size


def cut_evenly(
    files: Sequence[DataFile], partitions: int, cuttable: Cuttable, delimiter: bytes = b"\n"
) -> list[list[FilePart]]:
    """Cut files, laid end to end, into partitions of about the same number of bytes."""
    ends = list(accumulate(file.size for file in files))
    bounds = [ends[-1] * number // partitions for number in range(partitions + 1)]
    parts: list[list[FilePart]] = [[] for _ in range(partitions)]
    for file, end in zip(files, ends, strict=True):
        begin = end - file.size
        first = min(bisect_right(bounds, begin) - 1, partitions - 1)
        if not cuttable(file) or not file.size:
            parts[first].append(FilePart(file, 0, file.size, delimiter))
            continue
        for number in range(first, partitions):
            start, stop = max(bounds[number], begin) - begin, min(bounds[number + 1], end) - begin
            if start < stop:
                parts[number].append(FilePart(file, start, stop, delimiter))
    return parts


def cut_by_size(
    files: Sequence[DataFile], block_size: int, cuttable: Cuttable, delimiter: bytes = b"\n"
) -> list[list[FilePart]]:
    """Cut large files into blocks, and bundle small ones, up to about a size.

    A bundle begins at a file whose name says so, as likely as the file is large: one more or less changes its own bundle.
    """
    partitions: list[list[FilePart]] = []
    bundle: list[FilePart] = []
    for file in files:
        whole = FilePart(file, 0, file.size, delimiter)
        is_large = file.size >= block_size
        if bundle and (
            is_large or _begins_bundle(file, block_size) or _is_full(bundle, block_size)
        ):
            partitions.append(bundle)
            bundle = []
        if not is_large:
            bundle.append(whole)
        elif not cuttable(file):
            partitions.append([whole])
        else:
            partitions += [
                [FilePart(file, start, min(start + block_size, file.size), delimiter)]
                for start in range(0, file.size, block_size)
            ]
    return [*partitions, bundle] if bundle or not partitions else partitions


def _begins_bundle(file: DataFile, block_size: int) -> bool:
    """Whether a bundle begins at a file: by its name alone, while its size is between the same powers of two."""
    digest = hashlib.sha256(file.relative.encode("utf-8", "surrogatepass")).digest()
    size = 1 << file.size.bit_length()
    return int.from_bytes(digest[:8], "big") * block_size < size << 64


def _is_full(bundle: Sequence[FilePart], block_size: int) -> bool:
    return sum(part.size for part in bundle) >= _MOST_BLOCKS * block_size
