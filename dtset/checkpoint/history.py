"""What this run and earlier ones of a job have persisted: who came before a TSet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dtset.checkpoint.runs import read_events
from dtset.storage.objects import ObjectStore

__all__ = ["History", "Past"]

# A TSet that so many runs have not asked for has no predecessor that helps anybody.
_MOST_RUNS = 20


@dataclass(frozen=True)
class Past:
    """A TSet that a run persisted, or began to.

    Parameters
    ----------
    name : str
        What it was called.
    place : int
        The how-manieth persist of its run it was, from 0.
    fingerprint : str
        Where it lies.
    """

    name: str
    place: int
    fingerprint: str


class History:
    """What a job has persisted so far, the present run's part of it noted as it goes.

    Parameters
    ----------
    store : ObjectStore
        Where the job lies.
    job_id, run_id : str
        The job, and the present run, which is not read; empty if there is none.
    """

    def __init__(self, store: ObjectStore, job_id: str, run_id: str = "") -> None:
        self._store = store
        self._job_id = job_id
        self._run_id = run_id
        self._own: list[Past] = []
        self._earlier: list[Sequence[Past]] = []
        self._unread: Iterator[Sequence[Past]] = self._read()

    @property
    def place(self) -> int:
        """Place of the next TSet that is persisted."""
        return len(self._own)

    def note(self, name: str, fingerprint: str) -> None:
        """Note what the present run has persisted."""
        self._own.append(Past(name, self.place, fingerprint))

    def own(self, name: str) -> Past | None:
        """What the present run persisted last under a name."""
        return next((past for past in reversed(self._own) if past.name == name), None)

    def predecessors(self, name: str, place: int) -> Iterator[Past]:
        """Find who came before a TSet: by its name, then by its place.

        Parameters
        ----------
        name : str
            What it is called.
        place : int
            Its place in its run.

        Yields
        ------
        Past
            Of this name: the one at the same place of the last run that has it, this run's own last, then the
            others, of later runs and nearer places first. Then, whatever they are called, those at the same place.
        """
        last = next(self.named(name, place), None)
        if last is not None and last.place == place:
            yield last
        own = self.own(name)
        if own is not None:
            yield own
        yield from self.named(name, place)
        for run in self._runs():
            yield from (past for past in run if past.place == place)

    def named(self, name: str, place: int = 0) -> Iterator[Past]:
        """What earlier runs persisted under a name: of later runs first, and of nearer places."""
        for run in self._runs():
            named = [past for past in run if past.name == name]
            yield from sorted(named, key=lambda past: abs(past.place - place))

    def _runs(self) -> Iterator[Sequence[Past]]:
        """Earlier runs that persisted something, the last first; each is read once."""
        yield from self._earlier
        for run in self._unread:
            self._earlier.append(run)
            yield run

    def _read(self) -> Iterator[Sequence[Past]]:
        # IDs of runs sort by when the runs began.
        names = sorted(self._store.folders(f"{self._job_id}/runs"), reverse=True)
        for run_id in [name for name in names if name != self._run_id][:_MOST_RUNS]:
            persisted = {
                event["place"]: Past(event["name"], event["place"], event["fingerprint"])
                for event in read_events(self._store, self._job_id, run_id)
                if event["event"] in ("miss", "persist")
            }
            if persisted:
                yield tuple(persisted.values())
