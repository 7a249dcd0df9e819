"""A plan as a Dask graph of its own, for Dask's other collections and schedulers."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dask._task_spec import DataNode, GraphNode, Task, TaskRef

from dtset.errors import FingerprintError
from dtset.exchange.deal import common_deal
from dtset.execution.at_hand import Cached, anew
from dtset.execution.forwarding.failures import TaskFailedError
from dtset.execution.lower import Want, asking_for_classes
from dtset.execution.outputs import BlockOutput
from dtset.execution.run import Run
from dtset.execution.schedulers.scheduler import Graph, Key
from dtset.execution.stage import GroupResult
from dtset.execution.submit import lowered, packed
from dtset.execution.tasks import run_group
from dtset.fingerprint.tree import Tree
from dtset.plan.nodes import Exchange, Node, Stored, topological
from dtset.storage.batch import Batch
from dtset.storage.blocks import decode_block
from dtset.storage.pickling import present_class


@dataclass(frozen=True, eq=False)
class Export:
    """A Dask graph whose `keys` give the partitions of a plan, as encoded blocks; the `token` tells it from others."""

    token: str
    graph: Graph = field(repr=False)
    keys: Sequence[Key]


def exported(run: Run, node: Node, known: Export | None) -> Export:
    """Return the graph of a node whose persists and caches are carried out first; the one that is `known` if it still is."""
    resolved = run.prepare(node)
    token = _token(run, node)
    if known is not None and known.token == token:
        return known
    want = Want(node, BlockOutput(), range(node.parallelism))
    made = lowered(run.context, packed(run.context, resolved, want), 0)
    name = f"{node.operator.name}-{token.partition('/')[0]}"
    graph = {key: _raising(key, task) for key, task in made.graph.items()}
    keys: list[Key] = [(name, number) for number in range(node.parallelism)]
    for key, partitions in made.groups[0]:
        for number in partitions:
            graph[name, number] = Task((name, number), partition_of, TaskRef(key), number)
    return Export(token, graph, keys)


def kept_elsewhere(run: Run, stored: Stored, entries: Mapping[Key, Any]) -> bool:
    """Take partitions that Dask keeps for a cache's; return whether there are any, and not tasks that would give them."""
    if any(isinstance(kept, Task) for kept in entries.values()):
        return False
    scheduler = run.context.scheduler()
    client = getattr(scheduler, "client", None)
    entries = {key: _entry(key, kept, client) for key, kept in entries.items()}
    (node,) = stored.inputs
    tree: Tree | FingerprintError | None = None
    if run.context.index.checkpointing:
        try:
            tree = run.context.index.fingerprint(node, run.at_hand)
        except FingerprintError as error:
            tree = anew(error)
    occurring = scheduler.compute(*asking_for_classes(entries))
    classes = frozenset[tuple[str, str]]().union(*occurring)
    above = topological(node, until=run.at_hand.has)
    dealt = any(isinstance(each, Exchange) and each.parallelism > 1 for each in above)
    groups = [[number] for number in range(node.parallelism)]
    run.at_hand.keep(stored, Cached(groups, entries, dealt, classes, tree))
    return True


def _raising(key: Key, task: Any) -> Any:
    """Return a task that raises what the user's function did, and not what carries it to the driver."""
    if not isinstance(task, Task) or task.func is not run_group:
        return task
    return Task(key, _run_group, *task.args)


def _run_group(*arguments: Any) -> GroupResult:
    try:
        return run_group(*arguments)
    except TaskFailedError as failure:
        error = failure.unpack()
    raise error


def _entry(key: Key, kept: Any, client: Any) -> Any:
    """Return what stands for a result in graphs of a run: what another client keeps is brought here."""
    if not hasattr(kept, "add_done_callback"):
        return kept if isinstance(kept, GraphNode) else DataNode(key, kept)
    return kept if kept.client is client else DataNode(key, kept.result())


def partition_of(result: GroupResult, partition: int) -> GroupResult:
    """Return what a task gave of one partition."""
    return GroupResult({partition: result.results[partition]}, result.deal)


def batches_of(*results: GroupResult) -> list[Batch]:
    """Return the batches of partitions, with the classes that this process has."""
    common_deal(result.deal for result in results)
    return [
        batch
        for result in results
        for blocks in result.results.values()
        for block in blocks
        for batch in decode_block(block, present_class)
    ]


def _token(run: Run, node: Node) -> str:
    """What tells the elements of a plan from others, as far as that can be known."""
    index = run.context.index
    bound = [
        f"{each.mark.origin}:{name}:{stored.mark.number}"
        for each in topological(node)
        for name, stored in sorted(each.sides.items())
    ]
    try:
        if index.checkpointing:
            return f"{index.fingerprint(node, run.at_hand).digest}/{bound}"
    except FingerprintError:
        pass
    return f"{uuid.uuid5(uuid.NAMESPACE_OID, run.context.settings.run_id).hex}{node.mark.origin}/{bound}"
