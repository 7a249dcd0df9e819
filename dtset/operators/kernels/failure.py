"""What the user is told when a function of theirs raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from operator import length_hint
from types import TracebackType
from typing import Any, Self

_RAISED = "dtset: raised"
_NOTE = f"{_RAISED} in "
_CLOSING = "dtset: then closing raised "


@dataclass
class Place:
    """Where in the flow a function runs, for the note on what it raises."""

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

    def stand_at(self, number: int) -> None:
        """Say that it is about the element of a number, whatever was entered."""
        self.before, self.batch_length, self.elements = number, 1, iter(())

    def noting(self) -> Self:
        """Return what adds a note to whatever is raised inside that says where, once."""
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, StopIteration):
            # As in a generator: let through, it would end the partition early and lose what is after it.
            raise self.noted(RuntimeError(f"{self.label} raised StopIteration")) from error
        if error is not None:
            self.noted(error)

    def noted(self, error: BaseException) -> BaseException:
        """Return the error with the note."""
        if not any(note.startswith(_NOTE) for note in notes_of(error)):
            error.add_note(f"{_NOTE}{self}")
        return error

    def __str__(self) -> str:
        place = f"{f'{self.operator} {self.label}'.strip()}, partition {self.partition}"
        if self.elements is None:
            return place
        done = self.batch_length - length_hint(self.elements)
        return f"{place}, element {self.before + max(done - 1, 0)}"


def close_all(
    closings: Iterable[Callable[[], object]], raised: BaseException | None = None
) -> None:
    """Close, in order and whatever happens; what it raises neither hides what was raised before nor is lost.

    What was `raised` before will be again: later exceptions become notes of it.
    """
    first = raised
    for close in closings:
        try:
            close()
        except BaseException as error:
            if first is None:
                first = error
            else:
                notes = notes_of(error)
                where = "".join(each.removeprefix(_RAISED) for each in notes[:1])
                first.add_note(f"{_CLOSING}{text_of(error)}{where}")
                for note in notes:
                    if note.startswith(_CLOSING):
                        first.add_note(note)
    try:
        if first is not raised and first is not None:
            raise first
    finally:
        # Its traceback leads here: a cycle would keep what it refers to.
        del first


class Closing:
    """Closes, at the end of a block and however that ends, as `close_all` does."""

    def __init__(self, *closings: Callable[[], object]) -> None:
        self._closings = closings

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        close_all(self._closings, error)


def notes_of(error: BaseException) -> list[str]:
    """Notes of an exception, even where looking for them fails."""
    try:
        return [note for note in error.__notes__ if isinstance(note, str)]
    except BaseException:
        return []


def text_of(error: BaseException) -> str:
    """What an exception says, with its type, even where saying it fails."""
    try:
        return f"{type(error).__qualname__}: {error}"
    except BaseException as failure:
        return f"{type(error).__qualname__}, whose __str__ raised {type(failure).__qualname__}"
