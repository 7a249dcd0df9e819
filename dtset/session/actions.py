"""The actions: what a run computes of a node, brought to the driver or written to files."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any

from dtset.checkpoint.manifest import Manifest
from dtset.checkpoint.part import Part, read_elements
from dtset.errors import UsageError
from dtset.execution.outputs import ActionOutput, BlockOutput
from dtset.execution.run import Run
from dtset.execution.specs import action_key, action_spec
from dtset.io.files import DataFile
from dtset.io.writing import Claim, FileOutput, Target, is_part
from dtset.operators.actions import COUNT
from dtset.operators.data_partition import DataPartition
from dtset.operators.operator import Action
from dtset.plan.attempts import Attempts
from dtset.plan.nodes import Exchange, Node, Source, Stored, topological
from dtset.plan.user_function import UserFunction
from dtset.storage.batch import Batch, rows_of
from dtset.storage.blocks import decode_block
from dtset.storage.pickling import present_class
from dtset.urls import shown_url

_GROWTH = 4


def elements(run: Run, node: Node) -> Iterator[Any]:
    """All elements of a node, in the order of its partitions; those of a persisted TSet are read here, without a task."""
    if isinstance(node, Stored) and node.durable:
        run.prepare(node)
        yield from _stored_elements(run, run.at_hand.persisted[node.mark].manifest)
        return
    results = run.evaluate(node, BlockOutput())
    for partition in sorted(results):
        yield from _decoded(results[partition])


def partitions(run: Run, node: Node) -> list[DataPartition[Any]]:
    """Partitions of a node: those of a persisted TSet are read when they are iterated over."""
    if isinstance(node, Stored) and node.durable:
        run.prepare(node)
        manifest = run.at_hand.persisted[node.mark].manifest
        read = [partial(_stored_batches, run, manifest, part) for part in manifest.parts]
    else:
        results = run.evaluate(node, BlockOutput())
        read = [partial(_batches, results[number]) for number in sorted(results)]
    return [DataPartition(number, batches) for number, batches in enumerate(read)]


def take(run: Run, node: Node, n: int) -> list[Any]:
    """The first elements of a node, from as few partitions as need be."""
    if n == 0:
        return []
    if isinstance(node, Stored) and node.durable:
        return list(islice(elements(run, node), n))
    taken: list[Any] = []
    start, wave = 0, node.parallelism if _is_made_together(node) else 1
    while start < node.parallelism and len(taken) < n:
        partitions = range(start, min(start + wave, node.parallelism))
        results = run.evaluate(node, BlockOutput(n - len(taken)), partitions)
        for partition in partitions:
            taken.extend(_decoded(results[partition]))
        start, wave = partitions.stop, wave * _GROWTH
    return taken[:n]


def _is_made_together(node: Node) -> bool:
    """Whether to ask for some partitions costs as much as to ask for all: below an exchange, or what several read."""
    needed = topological(node, until=lambda above: isinstance(above, Stored))
    readers = Counter(above.mark for each in needed for above in each.inputs)
    return any(isinstance(each, Exchange) or readers[each.mark] > 1 for each in needed)


def count(run: Run, node: Node) -> int:
    """Number of elements of a node; of a persisted TSet, its manifest says it."""
    if isinstance(node, Stored) and node.durable:
        run.prepare(node)
        return run.at_hand.persisted[node.mark].manifest.rows
    return sum(
        run.evaluate(node, ActionOutput(action_spec(COUNT, None, node.parallelism))).values()
    )


def visit(
    run: Run,
    node: Node,
    action: Action,
    functions: Mapping[str, UserFunction],
    attempts: Attempts | None,
) -> None:
    """Call a function on the elements or the partitions of a node, for its effect."""
    (function,) = functions.values()
    spec = action_spec(action, function, node.parallelism, attempts)
    shipped = {action_key(action, role): given.function for role, given in functions.items()}
    run.evaluate(node, ActionOutput(spec), functions=shipped)


def _stored_elements(run: Run, manifest: Manifest) -> Iterator[Any]:
    for part in manifest.parts:
        yield from rows_of(_stored_batches(run, manifest, part))


def _stored_batches(run: Run, manifest: Manifest, part: Part) -> Iterator[Batch]:
    return read_elements(
        run.context.index.store,
        manifest.name,
        manifest.path,
        part,
        resolver=present_class,
        allow_pickle=run.context.settings.allow_pickle,
    )


def _decoded(blocks: list[bytes]) -> Iterator[Any]:
    return rows_of(_batches(blocks))


def _batches(blocks: list[bytes]) -> Iterator[Batch]:
    for block in blocks:
        yield from decode_block(block, present_class)


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
