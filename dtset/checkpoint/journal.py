"""What a run finds and makes, noted as it goes: for its records, for later runs, for those who ask why."""

from __future__ import annotations

import logging
from collections.abc import Callable

from dtset.checkpoint.explain import Missed, Reason, explained
from dtset.checkpoint.history import History
from dtset.checkpoint.lineage import write_lineage
from dtset.checkpoint.manifest import Manifest
from dtset.errors import StoreError
from dtset.storage.objects import ObjectStore

__all__ = ["Journal"]

_logger = logging.getLogger("dtset")


class Journal:
    """Notes what becomes of each persist of a run, and explains it by what came before."""

    def __init__(
        self, store: ObjectStore, job_id: str, run_id: str, note: Callable[..., None]
    ) -> None:
        self._store = store
        self._job_id = job_id
        self._run_id = run_id
        self._note = note
        self._history = History(store, job_id, run_id)

    def reason(self, missed: Missed, ahead: int = 0) -> Reason:
        """Why a TSet has to be computed; `ahead` persists are to be run before it."""
        pasts = self._history.predecessors(missed.name, self._history.place + ahead)
        try:
            return explained(self._store, self._job_id, missed, pasts)
        except StoreError as error:
            # Only words hang on it: what the run itself reads and writes there fails loudly.
            _logger.warning("why %s has to be computed cannot be told: %s", missed.name, error)
            return Reason("what it was made from before cannot be read")

    def missed(self, missed: Missed) -> Reason:
        """Note that a TSet is about to be computed, and keep what it is made from; return why."""
        reason = self.reason(missed)
        write_lineage(self._store, self._job_id, missed.fingerprint, self._run_id, missed.lineage)
        self._note(
            event="miss",
            name=missed.name,
            place=self._history.begin(missed.name, missed.fingerprint),
            fingerprint=missed.fingerprint,
            found=missed.found,
            partitions=missed.partitions,
            why=reason.words,
        )
        return reason

    def persisted(
        self, manifest: Manifest, hit: bool | int, *, accepted: bool, seconds: float
    ) -> None:
        """Note that a TSet is there: found, or computed."""
        self._note(
            event="persist",
            name=manifest.name,
            place=self._history.note(manifest.name, manifest.fingerprint),
            fingerprint=manifest.fingerprint,
            hit=hit,
            accepted=accepted,
            seconds=round(seconds, 6),
        )

    def committed(self, name_or_place: str | int) -> Manifest | None:
        """Find the last committed TSet of a name, or of a place in its run."""
        return self._history.committed(name_or_place)
