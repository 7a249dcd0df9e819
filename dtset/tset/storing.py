"""Keeping the elements of a TSet, in memory or in the store, and what a handle on stored elements says of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol, TypeVar

from dtset.execution.at_hand import Persisted
from dtset.plan.nodes import Node, Stored, snapshot_of_sides
from dtset.session.session import Pending, Session
from dtset.tset.handle import Handle, check_name

T = TypeVar("T")
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
    return tset._in_memory(
        Stored(durable=False, inputs=(snapshot_of_sides(tset._node, lasting=True),))
    )


def _persisted(tset: Storable[Any, P], name: str | None, refresh: bool) -> P:
    if name is not None:
        check_name("persist()", name)
    inputs = (snapshot_of_sides(tset._node, lasting=True),)
    return tset._in_store(Stored(durable=True, inputs=inputs, name=name, refresh=refresh))


class InMemory(Handle[T]):
    """A handle on elements that are kept in memory."""

    def unpersist(self) -> None:
        """Free the memory; what needs the elements later computes them again."""
        self._session.release(self._node)

    def _carry_out(self) -> None:
        self._session.prepare(self._node)

    def _is_carried_out(self) -> bool:
        return self._session.run.at_hand.has(self._node)


class InStore(Handle[T]):
    """A handle on elements that are committed to the store."""

    _result: Persisted | None = None

    @property
    def url(self) -> str:
        """URL of the Zarr group, which ``zarr.open_group`` opens."""
        return f"{self._session.url.rstrip('/')}/{self._known.manifest.group}"

    @property
    def fingerprint(self) -> str:
        """What the elements were computed from, as 64 hex digits: the key they are stored under."""
        return self._known.manifest.fingerprint

    @property
    def digest(self) -> str:
        """What the elements are, as 64 hex digits: equal for equal data."""
        return self._known.manifest.digest

    @property
    def nbytes(self) -> int:
        """Bytes in the store, metadata apart."""
        return self._known.manifest.nbytes

    @property
    def partitions(self) -> int:
        """Number of partitions."""
        return self._known.manifest.partitions

    @property
    def hit(self) -> bool | int:
        """True: the elements were there; False: they were computed; else how many partitions were there."""
        return self._known.hit

    def unpersist(self) -> None:
        """Drop the data: this TSet, and what is made from it later, can no longer be computed.

        They stay in the store while another TSet of this run has the same data, or another run of the
        job is alive.
        """
        self._session.drop(self._node)

    @property
    def _known(self) -> Persisted:
        """What became of the persist, which is carried out if it was not."""
        if self._result is not None:
            return self._result
        self._carry_out()
        self._session.cut()
        found = self._session.persisted(self._node)
        assert found is not None
        return found

    def _carry_out(self) -> None:
        self._session.prepare(self._node)

    def _is_carried_out(self) -> bool:
        found = self._session.persisted(self._node)
        if found is not None:
            # What is above becomes garbage: the store has the elements.
            self._result = found
            self._node = replace(self._node, inputs=())
        return found is not None
