"""The driver state of a run: what was committed before, and what is to be."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from dtset.checkpoint import variables
from dtset.checkpoint.runs import list_runs
from dtset.checkpoint.variables import Commit, CommitID
from dtset.errors import ReadOnlyStoreError, UsageError
from dtset.fingerprint.program import ProgramFiles
from dtset.storage.objects import ObjectStore


@dataclass(eq=False)
class State:
    """Variables of the driver's that survive restarts, once committed.

    `keep` says what to do with those that a changed program committed: True keeps, False resets them. `runs` is what `list_runs`
    gave when this run began.
    """

    store: ObjectStore
    job_id: str
    run_id: str
    runs: Mapping[str, Collection[str]]
    keep: bool | None
    allow_pickle: bool
    enabled: bool
    ignore: Collection[str]
    _files: ProgramFiles = field(default_factory=ProgramFiles, init=False)
    _values: dict[str, Any] = field(default_factory=dict, init=False)
    _last: Commit | None = field(default=None, init=False)
    _looked_up: bool = field(default=False, init=False)
    _noted: set[CommitID] = field(default_factory=set, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def init(self, name: str, default: Any) -> Any:
        """Return the committed value of a variable, else its default."""
        last = self._committed()
        value = default
        if last is not None and name in last.variables and self.keep is not False:
            if self.keep is None:
                made_by = last.variables[name].program
                also = [part.name for part in made_by.children]
                variables.check_program(name, made_by, self._files.tree(also, self.ignore))
            value = last.variables[name].value
        self._values[name] = value
        return value

    def update(self, name: str, value: Any) -> None:
        """Set a variable."""
        if name not in self._values:
            raise UsageError(
                f"update_variable({name!r}) before init_variable({name!r}, default): what it was is not known"
            )
        self._values[name] = value

    def commit(self) -> None:
        """Commit all variables at once; those of earlier commits that this run has not named stay as they are."""
        if not self.enabled:
            return
        with self._lock:
            # Another run may have committed since: what this one has not named is as that one left it.
            last, number = self._found(afresh=True)
            earlier = last.variables if last is not None else {}
            program = self._files.tree(ignore=self.ignore)
            own = {name: variables.Variable(value, program) for name, value in self._values.items()}
            commit = Commit(number + 1, self.run_id, {**earlier, **own})
            variables.commit_variables(
                self.store, self.job_id, commit, allow_pickle=self.allow_pickle
            )
            variables.note_commit(self.store, self.job_id, self.run_id, commit)
            self._noted.add((commit.number, commit.run_id))
            self._last, self._looked_up = commit, True

    def _committed(self) -> Commit | None:
        """The last commit; read from the store once."""
        with self._lock:
            if self.enabled and not self._looked_up:
                self._last, _ = self._found(afresh=False)
                self._looked_up = True
            return self._last

    def _found(self, *, afresh: bool) -> tuple[Commit | None, int]:
        """Find the last commit, and the highest number of any; `afresh` asks what runs have noted since this one began.

        None where what was committed is to be reset: then it need not be readable.
        """
        # What is noted is asked before what is there: of what is noted meanwhile, nothing is missed.
        runs = list_runs(self.store, self.job_id) if afresh else self.runs
        noted = self._noted | variables.noted_commits(runs)
        commits = sorted(noted | variables.list_commits(self.store, self.job_id), reverse=True)
        number = commits[0][0] if commits else 0
        for each in () if self.keep is False else commits:
            found = variables.read_commit(
                self.store,
                self.job_id,
                each,
                noted=each in noted,
                allow_pickle=self.allow_pickle,
            )
            if found is not None:
                if each not in noted:
                    # The run that made it died before it could note it, and this one goes on from it. A store
                    # that one may only read keeps no notes.
                    with suppress(ReadOnlyStoreError):
                        variables.note_commit(self.store, self.job_id, self.run_id, found)
                self._noted.add(each)
                return found, number
            if not afresh:
                # Torn: by a run that died, unless another has noted since that it was whole.
                return self._found(afresh=True)
        return None, number
