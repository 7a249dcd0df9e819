"""What computes a TSet, and gives something else than a TSet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar, Unpack, overload

from dtset.errors import EmptyTSetError
from dtset.operators.actions import FOR_EACH
from dtset.operators.data_partition import DataObject
from dtset.operators.operator import Action, function_of
from dtset.operators.partitionwise import SINK
from dtset.plan.context import TSetContext
from dtset.plan.nodes import snapshot_of_sides
from dtset.session.actions import count, elements, partitions, take, visit
from dtset.session.session import Session
from dtset.tset.checks import Trying, attempts_of, number_of_elements
from dtset.tset.handle import Handle

T = TypeVar("T")


class LazyAction:
    """An action that is prepared; ``env.run()`` carries it out."""

    def __init__(self, session: Session, carry_out: Callable[[], None], name: str) -> None:
        self._session = session
        self._run = carry_out
        self._name = name

    def run(self) -> None:
        """Carry the action out; ``env.run()`` does not do so again."""
        self._run()
        self._session.done(self)

    def _carry_out(self) -> None:
        self.run()

    def _is_carried_out(self) -> bool:
        return False

    def __repr__(self) -> str:
        return f"<LazyAction {self._name}>"


class Actions(Handle[T]):
    """The actions of a TSet."""

    @overload
    def for_each(self, f: Callable[[T], object], **trying: Unpack[Trying]) -> None: ...
    @overload
    def for_each(self, f: Callable[[T, TSetContext], object], **trying: Unpack[Trying]) -> None: ...
    def for_each(self, f: Callable[..., object], **trying: Unpack[Trying]) -> None:
        """Call ``f(x)``, or ``f(x, ctx)``, on every element, for its effect.

        At least once per partition: one that was lost with its worker is visited again. What is
        printed reaches the driver's stdout, once per successful attempt.
        """
        functions = function_of(FOR_EACH, f)
        attempts = attempts_of(FOR_EACH, functions, trying)
        visit(*self._session.bound(self._node), FOR_EACH, functions, attempts)

    @overload
    def lazy_for_each(self, f: Callable[[T], object], **trying: Unpack[Trying]) -> LazyAction: ...
    @overload
    def lazy_for_each(
        self, f: Callable[[T, TSetContext], object], **trying: Unpack[Trying]
    ) -> LazyAction: ...
    def lazy_for_each(self, f: Callable[..., object], **trying: Unpack[Trying]) -> LazyAction:
        """Prepare `for_each`; ``env.run()`` carries it out."""
        return self._lazy_visit(FOR_EACH, f, trying)

    @overload
    def sink(self, f: Callable[[Iterator[T]], object]) -> None: ...
    @overload
    def sink(self, f: Callable[[Iterator[T], TSetContext], object]) -> None: ...
    def sink(self, f: Callable[..., object]) -> None:
        """Call ``f(itr)``, or ``f(itr, ctx)``, on every partition, for its effect: as `for_each`, at least once."""
        visit(*self._session.bound(self._node), SINK, function_of(SINK, f), None)

    @overload
    def lazy_sink(self, f: Callable[[Iterator[T]], object]) -> LazyAction: ...
    @overload
    def lazy_sink(self, f: Callable[[Iterator[T], TSetContext], object]) -> LazyAction: ...
    def lazy_sink(self, f: Callable[..., object]) -> LazyAction:
        """Prepare `sink`; ``env.run()`` carries it out."""
        return self._lazy_visit(SINK, f, {})

    def collect(self) -> list[T]:
        """Compute all elements, in the order of the partitions."""
        return list(elements(*self._session.bound(self._node)))

    def get_data(self) -> DataObject[T]:
        """Compute all elements, and return them by partition (Twister2's name).

        Examples
        --------
        >>> data = env.range(5, parallelism=2).get_data()
        >>> [(partition.id, list(partition)) for partition in data.get_partitions()]
        [(0, [0, 1]), (1, [2, 3, 4])]
        """
        return DataObject(partitions(*self._session.bound(self._node)))

    def first(self) -> T:
        """Compute the first element, as `take` does; if there is none, it is an EmptyTSetError."""
        found = self.take(1)
        if not found:
            raise EmptyTSetError(f"first() of {self.name}, which has no elements; take(1) gives []")
        return found[0]

    def take(self, n: int) -> list[T]:
        """Compute the first `n` elements, or all, from the first partition and then from ever more at once."""
        number = number_of_elements("take()", n)
        return take(*self._session.bound(self._node), number)

    def count(self) -> int:
        """Compute the number of elements."""
        return count(*self._session.bound(self._node))

    def _lazy_visit(self, action: Action, f: Callable[..., Any], trying: Trying) -> LazyAction:
        node, functions = snapshot_of_sides(self._node, lasting=True), function_of(action, f)
        attempts = attempts_of(action, functions, trying)

        def carry_out() -> None:
            visit(*self._session.bound(node), action, functions, attempts)

        return self._session.pending(LazyAction(self._session, carry_out, action.name))
