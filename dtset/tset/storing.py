"""Keeping the elements of a TSet: in memory, in the store."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from dtset.plan.nodes import Node, Stored, snapshot_of_sides
from dtset.session.session import Pending, Session
from dtset.tset.handle import check_name

C = TypeVar("C", bound=Pending)
P = TypeVar("P", bound=Pending)
C_co = TypeVar("C_co", covariant=True)
P_co = TypeVar("P_co", covariant=True)


class Storable(Protocol[C_co, P_co]):
    """A TSet, and the classes of what is kept of it: those of pairs, if its elements are pairs."""

    _session: Session
    _node: Node

    def _in_memory(self, node: Stored) -> C_co: ...

    def _in_store(self, node: Stored) -> P_co: ...


class Storing:
    """The operations of a TSet that keep its elements."""

    def cache(self: Storable[C, Any]) -> C:
        """Compute the elements now, and keep them in memory (a cluster's, on a cluster).

        Unlike Spark's, at once. Memory is freed when nothing refers to the result any more, or by its `unpersist`.
        """
        return self._session.now(_cached(self))

    def lazy_cache(self: Storable[C, Any]) -> C:
        """Prepare `cache`; the first action below it, or ``env.run()``, carries it out."""
        return self._session.pending(_cached(self))

    def persist(self: Storable[Any, P], name: str | None = None, refresh: bool = False) -> P:
        """Compute the elements now and commit them to the store, unless they are there.

        With checkpointing, a job that is started again with its ID finds what an unchanged program
        committed, in about the time of one small read. If an earlier run died in the middle, only
        the partitions that it had not committed are computed. What is returned is a source for anything
        else: the same elements, in the same order, of the same types.

        Parameters
        ----------
        name : str, optional
            What listings and messages call it. Default: the last operator and its function.
        refresh : bool
            Whether to compute although the elements are there.

        Raises
        ------
        FingerprintError
            Something that the elements depend on cannot be fingerprinted; the message names the path
            to it. Nothing was computed.
        StoreError
            The store cannot be written to.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> for _ in range(2):
        ...     with TSetEnvironment(cluster="synchronous", store="memory://persist", job_id="j") as env:
        ...         env.range(4, parallelism=2).map(lambda i: i + 1).persist().hit
        False
        True
        """
        return self._session.now(_persisted(self, name, refresh))

    def lazy_persist(self: Storable[Any, P], name: str | None = None, refresh: bool = False) -> P:
        """Prepare `persist`; the first action below it, or ``env.run()``, carries it out."""
        return self._session.pending(_persisted(self, name, refresh))


def _cached(tset: Storable[C, Any]) -> C:
    """A cache that is not carried out yet."""
    return tset._in_memory(
        Stored(durable=False, inputs=(snapshot_of_sides(tset._node, lasting=True),))
    )


def _persisted(tset: Storable[Any, P], name: str | None, refresh: bool) -> P:
    """A persist that is not carried out yet."""
    if name is not None:
        check_name("persist()", name)
    inputs = (snapshot_of_sides(tset._node, lasting=True),)
    return tset._in_store(Stored(durable=True, inputs=inputs, name=name, refresh=refresh))
