"""What the user is told when a function of theirs raises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import length_hint
from typing import Any

__all__ = ["Place"]

_NOTE = "dtset: raised in "


@dataclass
class Place:
    """Where in the flow a function runs, for the note on what it raises.

    Parameters
    ----------
    operator, label : str
        The operator, and the function it was given.
    partition : int
        Number of the partition.
    """

    operator: str
    label: str
    partition: int
    before: int = field(default=0, init=False)
    batch_length: int = field(default=0, init=False)
    elements: Iterator[Any] | None = field(default=None, init=False)

    def enter(self, batch: list[Any]) -> Iterator[Any]:
        """Begin a batch; the iterator returned tells, when the function raises, how far it came."""
        self.before += self.batch_length
        self.batch_length = len(batch)
        self.elements = iter(batch)
        return self.elements

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Add a note to what is raised inside that says where, once."""
        try:
            yield
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            raise self.noted(error) from error.__cause__

    def noted(self, error: BaseException) -> BaseException:
        """Return the error with the note.

        A ``StopIteration`` becomes a `RuntimeError`, as in a generator: let through, it would end the
        partition early and lose the elements after it.
        """
        if any(note.startswith(_NOTE) for note in getattr(error, "__notes__", ())):
            return error
        if isinstance(error, StopIteration):
            stopped = RuntimeError(f"{self.label} raised StopIteration")
            stopped.__cause__ = error
            error = stopped
        error.add_note(f"{_NOTE}{self}")
        return error

    def __str__(self) -> str:
        place = f"{self.operator} {self.label}, partition {self.partition}"
        if self.elements is None:
            return place
        done = self.batch_length - length_hint(self.elements)
        return f"{place}, element {self.before + max(done - 1, 0)}"
