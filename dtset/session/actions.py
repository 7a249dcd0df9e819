"""The actions: what a run computes of a node, brought to the driver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any

from dtset.checkpoint.manifest import Manifest
from dtset.checkpoint.part import Part, read_elements
from dtset.execution.outputs import ActionOutput, BlockOutput
from dtset.execution.run import Run
from dtset.execution.specs import action_key, action_spec
from dtset.operators.actions import COUNT
from dtset.operators.data_partition import DataPartition
from dtset.operators.operator import Action
from dtset.plan.attempts import Attempts
from dtset.plan.nodes import Exchange, Node, Stored, topological
from dtset.plan.user_function import UserFunction
from dtset.storage.batch import Batch, rows_of
from dtset.storage.blocks import decode_block
from dtset.storage.pickling import present_class

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
