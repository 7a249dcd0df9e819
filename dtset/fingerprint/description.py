"""What one object is: a label that counts, and parts that are objects again."""

from __future__ import annotations

import marshal
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from dtset.fingerprint.origin import Distribution, distribution_of
from dtset.fingerprint.pruning import Reads


class NoFingerprint(Exception):
    """Why an object has no deterministic digest; the walk adds the path to it."""


@dataclass(slots=True)
class Part:
    """A part of an object: the key under which it counts, and its name for people."""

    key: str
    value: object
    noun: str = ""
    text: str = ""

    @staticmethod
    def of_class(value: object) -> Part:
        """Make the part that says of which class an object is."""
        return Part("class", type(value), "global", type(value).__name__)

    @staticmethod
    def named(named: Iterable[tuple[str, object]], noun: str) -> list[Part]:
        """Make parts of names and values, in the order given."""
        return [Part(name, value, noun, name) for name, value in named]


@dataclass(slots=True)
class Description:
    """A label and the parts. A label is plain values only; two kinds never share a first word."""

    label: tuple[Any, ...]
    parts: list[Part] = field(default_factory=list)
    noun: str = "value"
    unordered: bool = False
    shown: str | None = None
    sees: Reads = Reads.NOTHING
    raw: bytes = b""

    @staticmethod
    def of(label: str, noun: str, value: object, /, **parts: object) -> Description:
        """Describe an object by its class and named parts."""
        return Description((label,), [Part.of_class(value), *Part.named(parts.items(), noun)])

    def encoded(self) -> bytes:
        """Write the label as bytes that no other label gives."""
        return marshal.dumps(self.label, 2) + self.raw


@dataclass(frozen=True, slots=True)
class Context:
    """What holds for a whole walk: what reachable code sees, and which globals to leave out."""

    reads: Reads
    ignore: frozenset[str]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that is no Python value: a name of a library, a missing global, a variable of the environment."""

    kind: str
    text: str = ""
    distribution: Distribution | None = None
    shown: str | None = None
    value: str = ""

    @staticmethod
    def library(module_name: str, qualified: str) -> Mark:
        """Mark a thing that an installed distribution defines: by name and version."""
        distribution = distribution_of(module_name)
        if distribution is not None and distribution.name == "python":
            # The Python minor version is a leaf of every fingerprint.
            distribution = None
        return Mark("library", qualified, distribution)
