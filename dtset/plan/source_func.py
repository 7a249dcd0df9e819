"""The class that sources written as objects derive from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dtset.plan.context import TSetContext


class SourceFunc(ABC):
    """A source of elements: Twister2's ``SourceFunc``.

    Every partition works on a fresh copy of the object, so that four partitions of a source of ten
    elements give forty. ``prepare`` is called before the first element and ``close`` after the last.

    Examples
    --------
    >>> class Numbers(SourceFunc):
    ...     def __init__(self):
    ...         self.i = 0
    ...     def has_next(self):
    ...         return self.i < 3
    ...     def next(self):
    ...         self.i += 1
    ...         return self.i
    >>> Numbers().next()
    1
    """

    @abstractmethod
    def has_next(self) -> bool:
        """Return whether there is another element."""

    @abstractmethod
    def next(self) -> Any:
        """Return the next element."""

    def prepare(self, ctx: TSetContext) -> None:  # noqa: B027
        """Get ready to give the elements of partition ``ctx.index``."""

    def close(self) -> None:  # noqa: B027
        """Release what ``prepare`` or ``next`` opened."""
