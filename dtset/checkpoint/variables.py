"""Driver state that survives restarts."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dtset.checkpoint.layout import variables_path
from dtset.errors import CorruptCheckpointError, StaleVariablesError
from dtset.fingerprint.difference import Difference, first_difference
from dtset.fingerprint.tree import Tree, from_json, to_json
from dtset.storage.blocks import decode_block, encode_block
from dtset.storage.objects import ObjectStore
from dtset.storage.pickling import present_class
from dtset.storage.records import seal, unseal

__all__ = [
    "Commit",
    "Variable",
    "changed_parts",
    "check_program",
    "commit_variables",
    "last_commit",
]

FORMAT = 1


@dataclass(frozen=True)
class Variable:
    """A value of the driver's, and the program that made it."""

    value: Any = field(repr=False)
    program: Tree = field(repr=False)


@dataclass(frozen=True)
class Commit:
    """Driver state as it was committed.

    Parameters
    ----------
    number : int
        Which commit of the job, from 1.
    variables : mapping of str to Variable
        All variables of the job; those that a run has not named keep the program that made them.
    """

    number: int
    variables: Mapping[str, Variable]


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
        programs = [from_json(rows) for rows in record["programs"]]
        block = base64.b64decode(record["values"])
        (values,) = decode_block(block, present_class, allow_pickle=allow_pickle)
        variables = {
            name: Variable(value, programs[record["made_by"][name]])
            for name, value in values.items()
        }
        return Commit(record["number"], variables)
    return None


def commit_variables(
    store: ObjectStore, job_id: str, run_id: str, commit: Commit, *, allow_pickle: bool
) -> None:
    """Write a commit; it is there in full, or not at all."""
    values = {name: variable.value for name, variable in commit.variables.items()}
    programs = {each.program.digest: each.program for each in commit.variables.values()}
    numbers = {digest: number for number, digest in enumerate(programs)}
    record = {
        "format": FORMAT,
        "number": commit.number,
        "values": base64.b64encode(encode_block([values], allow_pickle=allow_pickle)).decode(),
        "made_by": {name: numbers[each.program.digest] for name, each in commit.variables.items()},
        "programs": [to_json(program) for program in programs.values()],
    }
    store.create(variables_path(job_id, commit.number, run_id), seal(record))


def check_program(name: str, made_by: Tree, program: Tree) -> None:
    """Make sure that a variable was made by the present program.

    Raises
    ------
    StaleVariablesError
        It was made by another; the message names what changed.
    """
    changed = changed_parts(made_by, program)
    if changed:
        raise StaleVariablesError(
            f"the variable {name!r} was committed by another program; since then: {', '.join(changed)}. "
            "Say whether to keep or to reset what was committed: TSetEnvironment(keep_variables=True or False), "
            "or `dtset restart --keep-variables` or `--reset-variables`"
        )


def changed_parts(old: Tree, new: Tree) -> list[str]:
    """Say what is not the same in the parts that two programs have in common.

    A part that the present program has not come to yet, and of which there is no file, such as a notebook's
    later cells, is not counted as changed.
    """
    new_parts = {part.name: part for part in new.children}
    pairs = ((part, new_parts[part.name]) for part in old.children if part.name in new_parts)
    found = (first_difference(one, other) for one, other in pairs)
    return sorted(_said(each) for each in found if each is not None)


def _said(difference: Difference) -> str:
    """Say a difference of two files of code."""
    if difference.change == "changed" and difference.what.startswith(("script", "module ")):
        return f"{difference.what}: code outside of its functions and classes changed"
    return str(difference)
