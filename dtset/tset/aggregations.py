"""Actions that make one value of all elements: sums, bounds, first ones of an order, counts by value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from dtset.operators import aggregates
from dtset.operators.aggregates import Stats
from dtset.operators.by_key import COUNT_BY_VALUE
from dtset.operators.operator import Mover, Step, function_of
from dtset.operators.reductions import REDUCE
from dtset.plan.nodes import Apply, Exchange, Node
from dtset.plan.user_function import UserFunction
from dtset.session.actions import elements
from dtset.session.session import Session
from dtset.tset.checks import number_of_elements
from dtset.tset.handle import Handle

T = TypeVar("T")


def _by_key(operator: Mover, key: Callable[[Any], Any] | None) -> dict[str, UserFunction]:
    return {} if key is None else function_of(operator, key)


class Aggregations(Handle[T]):
    """The actions of a TSet that make one value of its elements: of each partition, then in a tree."""

    def sum(self) -> T | int:
        """Add the elements up, as Python's ``sum``; 0 if there are none.

        Examples
        --------
        >>> numbers = env.range(10, parallelism=3)
        >>> numbers.sum(), numbers.min(), numbers.max(), numbers.mean()
        (45, 0, 9, 4.5)
        """
        total: T | int = self._gathered(aggregates.SUM)[0]
        return total

    def min(self, key: Callable[[T], Any] | None = None) -> T:
        """Return the least element, or the first with the least ``key(x)``; if there are none, it is an EmptyTSetError, a ValueError."""
        least: T = self._gathered(aggregates.MIN, functions=_by_key(aggregates.MIN, key))[0]
        return least

    def max(self, key: Callable[[T], Any] | None = None) -> T:
        """Return the greatest element, or the first with the greatest ``key(x)``; if there are none, it is an EmptyTSetError, a ValueError."""
        greatest: T = self._gathered(aggregates.MAX, functions=_by_key(aggregates.MAX, key))[0]
        return greatest

    def mean(self) -> float:
        """Return the mean of the elements: the exact one, rounded, if they are ints; 0.0 if there are none."""
        ((count, total),) = self._gathered(aggregates.MERGE_COUNTS, aggregates.COUNT_AND_SUM)
        return total / count if count else 0.0

    def stats(self) -> Stats:
        """Return count, sum, mean, bounds and standard deviation of numbers, in one pass.

        With methods, as PySpark's ``StatCounter``; the deviation is that of a population.

        Examples
        --------
        >>> found = env.parallelize([2.0, 4.0, 9.0], 2).stats()
        >>> found.count(), found.mean(), found.max(), round(found.stdev(), 3)
        (3, 5.0, 9.0, 2.944)
        """
        return aggregates.stats_of(
            next(iter(self._gathered(aggregates.MERGE_MOMENTS, aggregates.MOMENTS)), None)
        )

    def fold(self, zero: T, f: Callable[[T, T], T]) -> T:
        """Fold all elements by an associative ``f(a, b)``, with a `zero` that changes nothing.

        Each partition begins with a fresh copy of the zero, to which `f` may add in place; without elements, the
        zero is the result.

        Examples
        --------
        >>> env.parallelize([[1], [2, 3]], 2).fold([], lambda a, b: a + b)
        [1, 2, 3]
        """
        functions = function_of(aggregates.FOLD, f)
        folded = self._over(
            aggregates.FOLD, {**functions, aggregates.ZERO: aggregates.zero_of(zero)}
        )
        made = Exchange(operator=REDUCE, inputs=(folded,), parallelism=1, functions=functions)
        value: T = self._elements_of(made)[0]
        return value

    def top(self, n: int, key: Callable[[T], Any] | None = None) -> list[T]:
        """Return the `n` greatest elements, or those with the greatest ``key(x)``, in descending order.

        Examples
        --------
        >>> words = env.parallelize(["pear", "fig", "banana"], 2)
        >>> words.top(2, key=len), words.take_ordered(2)
        (['banana', 'pear'], ['banana', 'fig'])
        """
        return self._first_of(aggregates.TOP, n, key)

    def take_ordered(self, n: int, key: Callable[[T], Any] | None = None) -> list[T]:
        """Return the `n` least elements, or those with the least ``key(x)``, in ascending order."""
        return self._first_of(aggregates.TAKE_ORDERED, n, key)

    def count_by_value(self) -> Counter[T]:
        """Count how often each element occurs; as keys, elements that are equal in Python are one.

        Examples
        --------
        >>> env.parallelize("banana", 2).count_by_value().most_common(1)
        [('a', 3)]
        """
        return counted_values(self._session, self._node)

    def _first_of(self, operator: Mover, n: int, key: Callable[[T], Any] | None) -> list[T]:
        functions = _by_key(operator, key)
        number = number_of_elements(f"{operator.name}()", n)
        return self._gathered(operator, functions=functions, n=number) if number else []

    def _gathered(
        self,
        operator: Mover,
        first: Step | None = None,
        functions: dict[str, UserFunction] | None = None,
        **params: object,
    ) -> list[Any]:
        """What a tree makes of the elements, or of what a step first makes of each partition."""
        above = self._node if first is None else self._over(first, {})
        return self._elements_of(
            Exchange(
                operator=operator,
                inputs=(above,),
                parallelism=1,
                functions=functions or {},
                params=params,
            )
        )

    def _over(self, operator: Step, functions: dict[str, UserFunction]) -> Node:
        return Apply(operator=operator, inputs=(self._node,), functions=functions)

    def _elements_of(self, node: Node) -> list[Any]:
        return list(elements(*self._session.bound(node)))


def counted_values(session: Session, node: Node) -> Counter[Any]:
    """Count how often each element of a node occurs."""
    counts = Exchange(operator=COUNT_BY_VALUE, inputs=(node,))
    return Counter(dict(elements(*session.bound(counts))))
