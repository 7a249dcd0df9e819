"""What this run and earlier ones of a job have persisted: who came before a TSet."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice

from dtset.checkpoint.manifest import Manifest, find_manifest, versions
from dtset.checkpoint.runs import read_events
from dtset.storage.objects import ObjectStore

# A TSet that so many runs have not asked for has no predecessor that helps anybody.
_MOST_RUNS = 20


@dataclass(frozen=True)
class Past:
    """A TSet that a run persisted, or began to: the `place` counts a run's persists, of which others may share its name.

    With `is_own` it is the present run's.
    """

    name: str
    place: int
    version: str
    shares_name: bool = False
    committed: bool = True
    is_own: bool = False


class History:
    """What a job has persisted so far, the present run's part of it noted as it goes; its ID is empty if there is none.

    Several threads may use it: a place is given away once, and each earlier run is read once.
    """

    def __init__(self, store: ObjectStore, job_id: str, run_id: str = "") -> None:
        self._store = store
        self._job_id = job_id
        self._run_id = run_id
        self._own: list[Past] = []
        self._begun: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()
        self._earlier: list[Sequence[Past]] = []
        self._unread: Iterator[Sequence[Past]] = self._read()

    @property
    def place(self) -> int:
        """Place of the next TSet that is persisted."""
        return len(self._own)

    def begin(self, name: str, version: str) -> int:
        """Note what the present run begins to compute; return its place."""
        with self._lock:
            self._begun[name, version] = self._add(name, version, committed=False)
            return self._begun[name, version]

    def note(self, name: str, version: str) -> int:
        """Note what the present run has persisted; return its place: where it was begun, if it was."""
        with self._lock:
            place = self._begun.pop((name, version), None)
            if place is None:
                return self._add(name, version)
            self._own[place] = replace(self._own[place], committed=True)
            return place

    def _add(self, name: str, version: str, *, committed: bool = True) -> int:
        self._own.append(Past(name, len(self._own), version, committed=committed, is_own=True))
        return len(self._own) - 1

    def own(self, name: str) -> Past | None:
        """What the present run persisted last under a name."""
        return next((past for past in reversed(self._own) if past.name == name), None)

    def predecessors(self, name: str, place: int) -> Iterator[Past]:
        """Find who came before a TSet: by its name, then by its place.

        Of this name: the one at the same place of the last run that has it, this run's own last, then the
        others, of later runs and nearer places first. Then, whatever they are called, those at the same place.
        """
        last = next(self.named(name, place, _MOST_RUNS), None)
        if last is not None and last.place == place:
            yield last
        own = self.own(name)
        if own is not None:
            yield own
        yield from self.named(name, place, _MOST_RUNS)
        for run in islice(self._runs(), _MOST_RUNS):
            yield from (past for past in run if past.place == place)

    def committed(self, name_or_place: str | int) -> Manifest | None:
        """Find the last committed TSet of a name, or of a place in its run: this run's own before earlier ones."""
        pasts: tuple[Past, ...]
        if isinstance(name_or_place, str):
            pasts = (*filter(None, [self.own(name_or_place)]), *self.named(name_or_place))
        else:
            runs = (self._own, *self._runs())
            pasts = tuple(past for run in runs for past in run if past.place == name_or_place)
        for past in pasts:
            manifest = find_manifest(self._store, self._job_id, past.version)
            if manifest is not None:
                return replace(manifest, name=past.name)
        return self._last_stored(name_or_place) if isinstance(name_or_place, str) else None

    def _last_stored(self, name: str) -> Manifest | None:
        found = (
            find_manifest(self._store, self._job_id, version)
            for version in versions(self._store, self._job_id)
        )
        named = (each for each in found if each is not None and each.name == name)
        return max(named, key=lambda each: each.created, default=None)

    def names(self) -> Mapping[str, Sequence[str]]:
        """What runs have called each TSet, by its version: the last name first."""
        found: dict[str, dict[str, None]] = {}
        for run in self._runs():
            for past in sorted(run, key=lambda past: past.place, reverse=True):
                found.setdefault(past.version, {})[past.name] = None
        return {version: tuple(names) for version, names in found.items()}

    def named(self, name: str, place: int = 0, most_runs: int | None = None) -> Iterator[Past]:
        """What earlier runs persisted under a name: of later runs first, and of nearer places."""
        for run in islice(self._runs(), most_runs):
            named = [past for past in run if past.name == name]
            yield from sorted(named, key=lambda past: abs(past.place - place))

    def _runs(self) -> Iterator[Sequence[Past]]:
        """Earlier runs that persisted something, the last first; each is read once."""
        for number in count():
            with self._lock:
                if number == len(self._earlier):
                    run = next(self._unread, None)
                    if run is None:
                        return
                    self._earlier.append(run)
            yield self._earlier[number]

    def _read(self) -> Iterator[Sequence[Past]]:
        # IDs of runs sort by when the runs began.
        names = sorted(self._store.folders(f"{self._job_id}/runs"), reverse=True)
        for run_id in (name for name in names if name != self._run_id):
            persisted = {
                event["place"]: Past(
                    event["name"],
                    event["place"],
                    event["version"],
                    committed=event.get("event") == "persist",
                )
                for event in read_events(self._store, self._job_id, run_id)
            }
            if persisted:
                names_of = Counter(past.name for past in persisted.values())
                yield tuple(
                    replace(past, shares_name=names_of[past.name] > 1)
                    for past in persisted.values()
                )
