"""Actions of a keyed TSet."""

from __future__ import annotations

from collections import Counter
from typing import Generic, Protocol, TypeVar

from dtset.exchange.stable_hash import check_hashable
from dtset.operators.aggregates import zero_of
from dtset.operators.pairwise import KEY, KEYS, LOOKUP
from dtset.plan.nodes import Apply, Node
from dtset.session.actions import elements
from dtset.session.session import Session
from dtset.tset.aggregations import counted_values

K = TypeVar("K")
V = TypeVar("V")


class HasNode(Protocol):
    """A TSet: the node, and the session that computes it."""

    _node: Node
    _session: Session


class PairActions(Generic[K, V]):
    """What a keyed TSet computes at once."""

    def lookup(self: HasNode, key: K) -> list[V]:
        """Compute the values of a key."""
        check_hashable(key)
        functions = {KEY: zero_of(key)}
        node = Apply(operator=LOOKUP, inputs=(self._node,), functions=functions)
        return list(elements(*self._session.bound(node)))

    def collect_as_map(self: HasNode) -> dict[K, V]:
        """Compute a dict of all pairs; of a key that occurs again, the last value counts."""
        return dict(elements(*self._session.bound(self._node)))

    def count_by_key(self: HasNode) -> Counter[K]:
        """Count the pairs of each key."""
        return counted_values(self._session, Apply(operator=KEYS, inputs=(self._node,)))
