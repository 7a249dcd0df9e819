"""What one partition of a source reads: the part of a fingerprint that other partitions do not share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias


class FileRange(Protocol):
    """A part of a file, known by its state as long as nobody has read it, then by its content."""

    @property
    def state(self) -> str:
        """What tells the file from what it was, without reading it, and where the part lies in it."""

    @property
    def name(self) -> str:
        """What of the file's name the elements depend on; empty if they do not."""

    @property
    def size(self) -> int:
        """How many bytes the part has."""

    def digest(self) -> str:
        """Read the part; return the SHA-256 of its bytes."""


Read: TypeAlias = str | FileRange
"""A digest of values, or a part of a file."""
Reads: TypeAlias = Sequence[Read]
"""What a partition reads, in the order of the sources that it reads."""
