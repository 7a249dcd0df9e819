"""Driver state that survives restarts: its commits, and what of it a run was given and is to commit."""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from dtset.checkpoint.job import check_job
from dtset.checkpoint.layout import commit_note, run_path, variables_path
from dtset.checkpoint.placed import find_placed, placed
from dtset.checkpoint.runs import list_runs
from dtset.errors import (
    CorruptCheckpointError,
    ReadOnlyStoreError,
    StaleVariablesError,
    StoreError,
    UsageError,
)
from dtset.fingerprint.difference import Difference, first_difference
from dtset.fingerprint.program import ProgramFiles
from dtset.fingerprint.tree import Tree, from_json, to_json
from dtset.storage.batch import Rows, rows_of
from dtset.storage.blocks import decode_block, encode_block
from dtset.storage.objects import ObjectStore
from dtset.storage.pickling import present_class


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
                check_program(name, made_by, self._files.tree(also, self.ignore))
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
            own = {name: Variable(value, program) for name, value in self._values.items()}
            commit = Commit(number + 1, self.run_id, {**earlier, **own})
            commit_variables(self.store, self.job_id, commit, allow_pickle=self.allow_pickle)
            note_commit(self.store, self.job_id, self.run_id, commit)
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
        noted = self._noted | noted_commits(runs)
        commits = sorted(noted | list_commits(self.store, self.job_id), reverse=True)
        number = commits[0][0] if commits else 0
        for each in () if self.keep is False else commits:
            found = read_commit(
                self.store, self.job_id, each, noted=each in noted, allow_pickle=self.allow_pickle
            )
            if found is not None:
                if each not in noted:
                    # The run that made it died before it could note it, and this one goes on from it. A store
                    # that one may only read keeps no notes.
                    with suppress(ReadOnlyStoreError):
                        note_commit(self.store, self.job_id, self.run_id, found)
                self._noted.add(each)
                return found, number
            if not afresh:
                # Torn: by a run that died, unless another has noted since that it was whole.
                return self._found(afresh=True)
        return None, number


# The number of a commit, which is one more than that of those before it, and the run that made it.
CommitID: TypeAlias = tuple[int, str]

_COMMIT = re.compile(r"(?P<number>\d{8,})-(?P<run>[^/.]+)(\.json)?")


@dataclass(frozen=True)
class Variable:
    """A value of the driver's, and the program that made it."""

    value: Any = field(repr=False)
    program: Tree = field(repr=False)


@dataclass(frozen=True)
class Commit:
    """Driver state as it was committed; variables that a run has not named keep the program that made them."""

    number: int
    run_id: str
    variables: Mapping[str, Variable]


def list_commits(store: ObjectStore, job_id: str) -> set[CommitID]:
    """Commits that there are, or that were begun."""
    return _commits(entry.path.rpartition("/")[2] for entry in store.list(f"{job_id}/variables"))


def noted_commits(runs: Mapping[str, Collection[str]]) -> set[CommitID]:
    """Commits that runs have noted, by the names of their objects: these are there in full, or were lost."""
    folder = commit_note(0, "").partition("/")[0]
    names = (name.rpartition("/") for each in runs.values() for name in each)
    return _commits(name for above, _, name in names if above == folder)


def _commits(names: Iterable[str]) -> set[CommitID]:
    found = filter(None, map(_COMMIT.fullmatch, names))
    return {(int(match["number"]), match["run"]) for match in found}


def read_commit(
    store: ObjectStore, job_id: str, commit: CommitID, *, noted: bool, allow_pickle: bool
) -> Commit | None:
    """Read a commit; None if it is torn, and nobody has noted that it was ever whole."""
    number, run_id = commit
    path = variables_path(job_id, number, run_id)
    reset = (
        "put it back; to go on with the defaults of all variables, start the job with "
        "TSetEnvironment(keep_variables=False), or `dtset restart --reset-variables`"
    )
    said = f"commit {number} of the driver state of job {job_id}, made by run {run_id}"
    record = find_placed(store, path, said=said, way_out=reset)
    if record is None:
        if noted:
            raise CorruptCheckpointError(
                f"{store.url}/{path}: expected {said}, which was noted when it was there; found a torn record, or none. "
                f"An older state is not taken in its place: {reset}"
            )
        return None
    programs = [from_json(rows) for rows in record["programs"]]
    block = base64.b64decode(record["values"])
    (values,) = rows_of(decode_block(block, present_class, allow_pickle=allow_pickle))
    variables = {
        name: Variable(value, programs[record["made_by"][name]]) for name, value in values.items()
    }
    return Commit(number, run_id, variables)


def commit_variables(
    store: ObjectStore, job_id: str, commit: Commit, *, allow_pickle: bool
) -> None:
    """Write a commit; it is there in full, or not at all."""
    check_job(store, job_id)
    values = {name: variable.value for name, variable in commit.variables.items()}
    programs = {each.program.digest: each.program for each in commit.variables.values()}
    numbers = {digest: number for number, digest in enumerate(programs)}
    record = {
        "values": base64.b64encode(_encoded(values, allow_pickle)).decode(),
        "made_by": {name: numbers[each.program.digest] for name, each in commit.variables.items()},
        "programs": [to_json(program) for program in programs.values()],
    }
    path = variables_path(job_id, commit.number, commit.run_id)
    if not store.create(path, placed(path, record)):
        raise StoreError(
            f"{store.url}/{path} is there already, and was not listed: commit() again, or give a store that is consistent"
        )


def note_commit(store: ObjectStore, job_id: str, run_id: str, commit: Commit) -> None:
    """Note in a run's records that a commit is there in full: from now on it is missed if it is not."""
    path = run_path(job_id, run_id, commit_note(commit.number, commit.run_id))
    store.put(path, placed(path, {"time": time.time()}), durable=True)


def _encoded(values: Mapping[str, Any], allow_pickle: bool) -> bytes:
    """Encode values; what cannot be stored, or not be read again, is named."""
    try:
        return encode_block(Rows([dict(values)]), allow_pickle=allow_pickle, resolver=present_class)
    except Exception:
        for name, value in values.items():
            try:
                encode_block(Rows([value]), allow_pickle=allow_pickle, resolver=present_class)
            except UsageError as error:
                raise UsageError(f"the variable {name!r} cannot be committed: {error}") from error
            except Exception as error:
                error.add_note(f"dtset: raised while the variable {name!r} was pickled")
                raise
        raise


def check_program(name: str, made_by: Tree, program: Tree) -> None:
    """Make sure that a variable was made by the present program."""
    changed = changed_parts(made_by, program)
    if changed:
        raise StaleVariablesError(
            f"the variable {name!r} was committed by another program; since then: {', '.join(changed)}. "
            "Say whether to keep or to reset what was committed: TSetEnvironment(keep_variables=True or False), "
            "or `dtset restart --keep-variables` or `--reset-variables`"
        )


def changed_parts(old: Tree, new: Tree) -> list[str]:
    """Say what is not the same in the parts that two programs have in common: one may not have come to others yet."""
    new_parts = {part.name: part for part in new.children}
    pairs = ((part, new_parts[part.name]) for part in old.children if part.name in new_parts)
    found = (first_difference(one, other) for one, other in pairs)
    return sorted(_said(each) for each in found if each is not None)


def _said(difference: Difference) -> str:
    if difference.change == "changed" and difference.what.startswith(("script", "module ")):
        return f"{difference.what}: code outside of its functions and classes changed"
    return str(difference)
