"""What a partition's record says of its data: all that reading needs besides the chunks."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dtset.errors import CorruptCheckpointError
from dtset.storage.schema import Schema, arrays_of

FORMAT = 2


@dataclass(frozen=True)
class ArraySummary:
    """One array of a segment.

    Examples
    --------
    >>> ArraySummary(3, 2, ("00", "11")).to_json()
    [3, 2, ['00', '11']]
    """

    length: int
    chunk: int
    digests: tuple[str, ...]

    def to_json(self) -> list[Any]:
        """Return what a record holds."""
        return [self.length, self.chunk, list(self.digests)]

    @classmethod
    def from_json(cls, parts: list[Any]) -> ArraySummary:
        """Read what `to_json` gave."""
        length, chunk, digests = parts
        return cls(length, chunk, tuple(digests))


@dataclass(frozen=True)
class SegmentSummary:
    """A run of batches of one schema.

    `batch` is the number of elements of each batch but the last; `arrays` are in the order of `arrays_of`.
    """

    schema: Schema
    codec: str
    rows: int
    batch: int
    arrays: tuple[ArraySummary, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what a record holds."""
        return {
            "schema": self.schema.to_json(),
            "codec": self.codec,
            "rows": self.rows,
            "batch": self.batch,
            "arrays": {
                spec.name: array.to_json()
                for spec, array in zip(arrays_of(self.schema), self.arrays, strict=True)
            },
        }

    @classmethod
    def from_json(cls, parts: dict[str, Any]) -> SegmentSummary:
        """Read what `to_json` gave."""
        schema = Schema.from_json(parts["schema"])
        arrays = tuple(
            ArraySummary.from_json(parts["arrays"][spec.name]) for spec in arrays_of(schema)
        )
        return cls(schema, parts["codec"], parts["rows"], parts["batch"], arrays)


@dataclass(frozen=True)
class PartitionSummary:
    """One attempt at a partition, complete."""

    rows: int
    nbytes: int
    segments: tuple[SegmentSummary, ...]
    classes: tuple[tuple[str, str], ...]

    @cached_property
    def digest(self) -> str:
        """Digest of the elements: of rows, schemas and encoded chunks, in hex."""
        content = [FORMAT, self.rows, [segment.to_json() for segment in self.segments]]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(b"dtset partition\0" + text.encode("ascii")).hexdigest()

    @property
    def is_pickled(self) -> bool:
        """Whether some elements are pickles."""
        return any(segment.schema.is_pickled for segment in self.segments)

    def to_json(self) -> dict[str, Any]:
        """Return what a record holds."""
        return {
            "format": FORMAT,
            "rows": self.rows,
            "nbytes": self.nbytes,
            "digest": self.digest,
            "segments": [segment.to_json() for segment in self.segments],
            "classes": [list(each) for each in self.classes],
        }

    @classmethod
    def from_json(cls, parts: dict[str, Any]) -> PartitionSummary:
        """Read what `to_json` gave."""
        if parts["format"] != FORMAT:
            raise CorruptCheckpointError(
                f"expected the record of data in format {FORMAT}, found one of format {parts['format']}, as another "
                "version of dtset writes it: read it with that, or remove it with `dtset clear`"
            )
        segments = tuple(map(SegmentSummary.from_json, parts["segments"]))
        classes = tuple((module, qualname) for module, qualname in parts["classes"])
        return cls(parts["rows"], parts["nbytes"], segments, classes)
