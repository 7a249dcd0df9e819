"""Writing a TSet to files: what of it is there already, what is in the way, and what is left to do."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable

from dtset.errors import UsageError
from dtset.execution.run import Run
from dtset.io.files import DataFile
from dtset.io.writing import Claim, FileOutput, Target, is_part
from dtset.plan.nodes import Exchange, Node, Source, topological
from dtset.urls import shown_url


def write(
    run: Run, node: Node, target: Target, *, overwrite: bool, is_alone: Callable[[], bool]
) -> None:
    """Write a file for each partition that is not there as the job has recorded it."""
    index = run.context.index
    claim = Claim(index.store, index.job_id, target)
    names = target.names()
    held = claim.holds() if index.checkpointing else None
    if names and held is None and not overwrite:
        raise _in_the_way(target, names)
    run.prepare(node)
    fingerprint, kept = None, set[int]()
    if index.checkpointing:
        tree = index.fingerprint(node, run.at_hand)
        said = f"{tree.digest} as {target.format.suffix}"
        fingerprint = hashlib.sha256(said.encode()).hexdigest()
        if held == fingerprint:
            kept = claim.kept(fingerprint, node.parallelism)
        needed = topological(node, until=run.at_hand.has)
        if len(kept) < node.parallelism and any(isinstance(each, Exchange) for each in needed):
            # What an exchange deals out now need not be what it dealt then.
            kept = set()
    own = {target.name(partition) for partition in range(node.parallelism)}
    others = [name for name in names if held is None or held != fingerprint or name not in own]
    if others and not overwrite:
        raise _in_the_way(target, others)
    left = [partition for partition in range(node.parallelism) if partition not in kept]
    surplus = {name for name in others if is_part(name)}
    going = sorted(surplus | ({target.name(n) for n in left} & {*names}))
    read = _files_read(topological(node, until=run.at_hand.has))
    if both := [name for name in going if os.path.realpath(shown_url(target.path(name))) in read]:
        raise UsageError(
            f"{target.shown} has files that are read for what is to be written there ({', '.join(both[:3])}), and they would "
            "be removed before that: write to another folder, or persist() what is read first"
        )
    target.remove(going)
    if is_alone():
        target.remove_temporary()
    if not left:
        return
    if fingerprint is not None:
        run.context.check_writable()
        claim.make(fingerprint, node.parallelism)
    expected = None if fingerprint is None else tree.digest
    output = FileOutput(target, fingerprint)
    has_elements = run.evaluate(node, output, left, expected=expected)
    empty = [partition for partition in left if not has_elements[partition]]
    others_like = (n for n in range(node.parallelism) if n not in set(empty))
    output.fill(empty, next(others_like, None), run.context.settings)


def _files_read(nodes: Iterable[Node]) -> set[str]:
    """Return the names of the files that sources read, with links resolved."""
    sources = [node.data for node in nodes if isinstance(node, Source)]
    files = [file for data in sources for file in getattr(data, "files", ())]
    return {
        os.path.realpath((file.archive or file).name)
        for file in files
        if isinstance(file, DataFile)
    }


def _in_the_way(target: Target, names: list[str]) -> UsageError:
    """What is raised where files of others are in a target."""
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return UsageError(
        f"{target.shown} has {len(names)} files that this program did not write in this job ({shown}): write to another "
        "folder, or give overwrite=True, which removes files named part-… there"
    )
