"""What a handle on stored elements says of them: of a cache, of a persist."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from dtset.execution.at_hand import Persisted
from dtset.tset.handle import Handle

T = TypeVar("T")


class InMemory(Handle[T]):
    """A handle on elements that are kept in memory."""

    def unpersist(self) -> None:
        """Free the memory; what needs the elements later computes them again."""
        self._session.release(self._node)

    def _carry_out(self) -> None:
        self._session.prepare(self._node)

    def _is_carried_out(self) -> bool:
        return self._session.is_at_hand(self._node)


class InStore(Handle[T]):
    """A handle on elements that are committed to the store."""

    _result: Persisted | None = None

    @property
    def url(self) -> str:
        """URL of the Zarr group, which ``zarr.open_group`` opens."""
        return self._session.url_of(self._known.manifest.group)

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
