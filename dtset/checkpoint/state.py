"""The driver state of a run: what was committed before, and what is to be."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from dtset.checkpoint.variables import (
    Commit,
    Variable,
    check_program,
    commit_variables,
    last_commit,
)
from dtset.errors import UsageError
from dtset.fingerprint.program import ProgramFiles
from dtset.storage.objects import ObjectStore

__all__ = ["State"]


class State:
    """Variables of the driver's that survive restarts, once committed.

    Parameters
    ----------
    store : ObjectStore
        Where they lie.
    job_id, run_id : str
        Whose they are.
    keep : bool or None
        What to do with those that a changed program committed: True keeps, False resets them.
    allow_pickle : bool
        Whether values that have no typed column may be stored and read.
    enabled : bool
        Whether anything is looked up or committed.
    ignore : collection of str
        Globals that no fingerprint takes into account.
    """

    def __init__(
        self,
        store: ObjectStore,
        job_id: str,
        run_id: str,
        *,
        keep: bool | None,
        allow_pickle: bool,
        enabled: bool,
        ignore: Collection[str],
    ) -> None:
        self._store = store
        self._job_id = job_id
        self._run_id = run_id
        self._keep = keep
        self._allow_pickle = allow_pickle
        self._enabled = enabled
        self._ignore = ignore
        self._files = ProgramFiles()
        self._values: dict[str, Any] = {}
        self._last: Commit | None = None
        self._looked_up = False

    def init(self, name: str, default: Any) -> Any:
        """Return the committed value of a variable, else its default."""
        last = self._committed()
        value = default
        if last is not None and name in last.variables and self._keep is not False:
            if self._keep is None:
                made_by = last.variables[name].program
                also = [part.name for part in made_by.children]
                check_program(name, made_by, self._files.tree(also, self._ignore))
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
        """Commit all variables at once.

        Those of earlier commits that this run has not named stay, as made by the program that made them.
        """
        if not self._enabled:
            return
        # Another run may have committed since: what this one has not named is as that one left it.
        self._looked_up = False
        last = self._committed()
        earlier = last.variables if last is not None and self._keep is not False else {}
        number = 1 if last is None else last.number + 1
        program = self._files.tree(ignore=self._ignore)
        own = {name: Variable(value, program) for name, value in self._values.items()}
        commit = Commit(number, {**earlier, **own})
        commit_variables(
            self._store, self._job_id, self._run_id, commit, allow_pickle=self._allow_pickle
        )
        self._last = commit

    def _committed(self) -> Commit | None:
        """The last commit; read from the store once."""
        if self._enabled and not self._looked_up:
            self._last = last_commit(self._store, self._job_id, allow_pickle=self._allow_pickle)
            self._looked_up = True
        return self._last
