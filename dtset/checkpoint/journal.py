"""What a run finds and makes, noted as it goes: for its records, for later runs, for those who ask why."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from dtset.checkpoint.explain import Missed, Reason, explained, write_lineage
from dtset.checkpoint.history import History
from dtset.checkpoint.manifest import Manifest
from dtset.errors import StoreError
from dtset.storage.objects import ObjectStore

_logger = logging.getLogger("dtset")


@dataclass(eq=False)
class Journal:
    """Notes what becomes of each persist of a run, and explains it by what came before."""

    store: ObjectStore
    job_id: str
    run_id: str
    note: Callable[..., None]
    _history: History = field(init=False)

    def __post_init__(self) -> None:
        self._history = History(self.store, self.job_id, self.run_id)

    def reason(self, missed: Missed, ahead: int = 0) -> Reason:
        """Why a TSet has to be computed; `ahead` persists are to be run before it."""
        pasts = self._history.predecessors(missed.name, self._history.place + ahead)
        try:
            return explained(self.store, self.job_id, missed, pasts)
        except StoreError as error:
            # Only words hang on it: what the run itself reads and writes there fails loudly.
            _logger.warning("why %s has to be computed cannot be told: %s", missed.name, error)
            return Reason("what it was made from before cannot be read")

    def missed(self, missed: Missed) -> Reason:
        """Note that a TSet is about to be computed, and keep what it is made from; return why."""
        reason = self.reason(missed)
        write_lineage(self.store, self.job_id, missed.fingerprint, self.run_id, missed.lineage)
        self.note(
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
        self.note(
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
