"""Driver state that survives restarts."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dtset.checkpoint.layout import variables_path
from dtset.errors import CorruptCheckpointError, StaleVariablesError
from dtset.fingerprint.tree import Tree, from_json, to_json
from dtset.storage.blocks import decode_block, encode_block
from dtset.storage.objects import ObjectStore
from dtset.storage.pickling import present_class
from dtset.storage.records import seal, unseal

__all__ = ["Commit", "changed_parts", "check_program", "commit_variables", "last_commit"]

FORMAT = 1


@dataclass(frozen=True)
class Commit:
    """Driver state as it was committed.

    Parameters
    ----------
    number : int
        Which commit of the job, from 1.
    values : mapping of str to object
        The variables.
    program : Tree
        The program that made them.
    """

    number: int
    values: Mapping[str, Any] = field(repr=False)
    program: Tree = field(repr=False)


def last_commit(store: ObjectStore, job_id: str, *, allow_pickle: bool) -> Commit | None:
    """Read the last commit of a job's variables; None if there is none.

    A torn record counts as absent: the commit before it stands.
    """
    paths = sorted((entry.path for entry in store.list(f"{job_id}/variables")), reverse=True)
    for path in paths:
        record = unseal(store.get(path))
        if record is None:
            continue
        if record.get("format") != FORMAT:
            raise CorruptCheckpointError(
                f"{store.url}/{path}: expected variables in format {FORMAT}, found {record.get('format')!r}"
            )
        block = base64.b64decode(record["values"])
        (values,) = decode_block(block, present_class, allow_pickle=allow_pickle)
        return Commit(record["number"], values, from_json(record["program"]))
    return None


def commit_variables(
    store: ObjectStore, job_id: str, run_id: str, commit: Commit, *, allow_pickle: bool
) -> None:
    """Write a commit; it is there in full, or not at all."""
    block = encode_block([dict(commit.values)], allow_pickle=allow_pickle)
    record = {
        "format": FORMAT,
        "number": commit.number,
        "values": base64.b64encode(block).decode(),
        "program": to_json(commit.program),
    }
    store.create(variables_path(job_id, commit.number, run_id), seal(record))


def check_program(name: str, commit: Commit, program: Tree) -> None:
    """Make sure that variables were committed by the present program.

    Raises
    ------
    StaleVariablesError
        They were committed by another; the message names what changed.
    """
    changed = changed_parts(commit.program, program)
    if changed:
        raise StaleVariablesError(
            f"the variable {name!r} was committed by another program: {', '.join(changed)} changed since. "
            "Say whether to keep or to reset what was committed: TSetEnvironment(keep_variables=True or False), "
            "or `dtset restart --keep-variables` or `--reset-variables`"
        )


def changed_parts(old: Tree, new: Tree) -> list[str]:
    """Names of the parts of a program that are not the same in another.

    A part that the present program has not come to yet, such as a notebook's later cells, is not
    counted as changed.
    """
    old_parts = {part.name: part.digest for part in old.children}
    new_parts = {part.name: part.digest for part in new.children}
    common = old_parts.keys() & new_parts.keys()
    return sorted(name for name in common if old_parts[name] != new_parts[name])
