"""Plan → Dask graph: stages of fused operators, over groups of partitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeAlias

from dask._task_spec import Task, TaskRef

from dtset.execution.code import StoredShipment
from dtset.execution.expected_files import ExpectedFiles
from dtset.execution.inputs import (
    BlockInput,
    Input,
    LoadInput,
    MergeInput,
    ReduceInput,
    SourceInput,
)
from dtset.execution.outputs import Output, PartialOutput, SplitOutput
from dtset.execution.scheduler import Graph, Key
from dtset.execution.shipping import Shipment
from dtset.execution.stage import Step, TaskSettings
from dtset.execution.tasks import Stage, classes_in, run_group, split_group
from dtset.plan.nodes import PASSED_THROUGH, Exchange, Node, Source, Transform, topological

__all__ = ["KeptBlocks", "Lowered", "Resolved", "Target", "asking_for_classes", "grouped", "lower"]


@dataclass(frozen=True)
class KeptBlocks:
    """Partitions that lie in memory.

    Parameters
    ----------
    groups : sequence of sequence of int
        Which partitions lie together.
    entries : mapping
        For each group, its key and its entry in graphs that read it.
    dealt : bool
        Whether an exchange decided which elements are in which partition.
    classes : set of (str, str)
        The user's classes that occur, by module and qualified name.
    """

    groups: Sequence[Sequence[int]]
    entries: Mapping[Key, Any] = field(repr=False)
    dealt: bool
    classes: frozenset[tuple[str, str]]


Resolved: TypeAlias = Mapping[int, LoadInput | BlockInput | KeptBlocks]


@dataclass(frozen=True)
class Target:
    """What an action wants: some partitions of a node, and what becomes of them.

    Parameters
    ----------
    node : Node
        Whose elements.
    output : Output
        What becomes of them.
    partitions : sequence of int
        Which of them.
    resolved : mapping
        By node number, where the elements of persists, and of sequences in the driver's memory, are.
    shipment : Shipment or StoredShipment
        The user's code.
    digests : mapping of int to str
        Fingerprints, by node number, of operators that see them as ``ctx.id`` and ``ctx.random``.
    files : tuple of ExpectedFiles
        What functions read by themselves, in the state that was fingerprinted.
    """

    node: Node
    output: Output
    partitions: Sequence[int]
    resolved: Mapping[int, LoadInput | BlockInput]
    shipment: Shipment | StoredShipment = field(repr=False)
    digests: Mapping[int, str]
    files: tuple[ExpectedFiles, ...] = ()


@dataclass(frozen=True)
class Lowered:
    """A Dask graph, its keys, and the group of partitions that each of them gives."""

    graph: Graph
    groups: Sequence[tuple[Key, Sequence[int]]]


@dataclass(frozen=True)
class _Reading:
    """Where a stage's elements come from: what each group of its partitions depends on."""

    input_of: Callable[[Sequence[int]], Input]
    upstream_of: Callable[[int, Sequence[int]], Sequence[Key]]
    groups: Sequence[Sequence[int]] | None = None


def grouped(partitions: Sequence[int], groups: int) -> list[Sequence[int]]:
    """Cut partitions into contiguous groups of about the same size.

    Examples
    --------
    >>> grouped(range(5), 2)
    [range(0, 2), range(2, 5)]
    """
    groups = max(1, min(groups, len(partitions)))
    bounds = [len(partitions) * index // groups for index in range(groups + 1)]
    return [partitions[start:stop] for start, stop in pairwise(bounds) if start < stop]


def lower(
    target: Target,
    resolved: Resolved,
    *,
    step_of: Callable[[Source | Transform | Exchange], Step],
    settings: TaskSettings,
    threads: int,
    tasks_per_thread: int,
) -> Lowered:
    """Make the Dask graph of what an action wants.

    Parameters
    ----------
    target : Target
        What is wanted.
    resolved : mapping
        By node number, where the elements of sources in memory, caches and persists are. Nothing
        above these nodes becomes part of the graph.
    step_of : callable
        The step of an operator.
    settings : TaskSettings
        What all tasks are told.
    threads, tasks_per_thread : int
        How many groups a stage is cut into.

    Returns
    -------
    Lowered
    """
    lowering = _Lowering(
        resolved=resolved,
        step_of=step_of,
        settings=settings,
        threads=threads,
        tasks=threads * tasks_per_thread,
        token=settings.action,
        shipment=target.shipment,
        files=target.files,
    )
    # From the sources on: a plan may be deeper than a stack.
    for node in _exchanges_above(target.node, resolved):
        lowering.exchanged[node.number] = lowering.exchange(node)
    groups = lowering.stage(target.node, target.output, target.partitions, lowering.tasks)
    return Lowered(lowering.graph, groups)


def _exchanges_above(node: Node, resolved: Resolved) -> list[Exchange]:
    """Exchanges that a node depends on, up to those whose elements are at hand, each after those above it."""
    needed = {node.number}
    found: list[Exchange] = []
    for each in reversed(topological(node)):
        if each.number in needed and each.number not in resolved:
            needed.update(above.number for above in each.inputs)
            if isinstance(each, Exchange):
                found.append(each)
    return found[::-1]


def asking_for_classes(entries: Mapping[Key, Any]) -> tuple[Graph, list[Key]]:
    """Make the graph that asks which of the user's classes occur in kept blocks, and its keys."""
    graph: Graph = dict(entries)
    keys: list[Key] = [f"classes-{name}" for name in map(str, entries)]
    for key, kept in zip(keys, entries, strict=True):
        graph[key] = Task(key, classes_in, TaskRef(kept))
    return graph, keys


@dataclass
class _Lowering:
    """A graph in the making."""

    resolved: Resolved
    step_of: Callable[[Source | Transform | Exchange], Step]
    settings: TaskSettings
    threads: int
    tasks: int
    token: str
    shipment: Shipment | StoredShipment
    files: tuple[ExpectedFiles, ...]
    graph: Graph = field(default_factory=dict)
    exchanged: dict[int, _Reading] = field(default_factory=dict)

    def stage(
        self, node: Node, output: Output, partitions: Sequence[int], tasks: int
    ) -> list[tuple[Key, Sequence[int]]]:
        """Add the tasks of the stage that ends at a node; return their keys and partitions."""
        steps: list[Step] = []
        labels = [type(output).__name__.removesuffix("Output").lower()]
        at = node
        while isinstance(at, Transform):
            if at.operator not in PASSED_THROUGH:
                steps.append(self.step_of(at))
                labels.append(steps[-1].label)
            at = at.input
        reading = self.reading(at)
        groups = reading.groups or grouped(partitions, tasks)
        wanted = set(partitions)
        name = _task_name([at.operator, *reversed(labels)])
        keys: list[tuple[Key, Sequence[int]]] = []
        for index, group in enumerate(groups):
            own = [partition for partition in group if partition in wanted]
            if not own:
                continue
            key: Key = (f"{name}-{self.token}-{node.number}", _rank(index, len(groups)))
            stage = Stage(reading.input_of(own), tuple(reversed(steps)), output, self.files)
            upstream = [TaskRef(each) for each in reading.upstream_of(index, own)]
            self.graph[key] = Task(
                key,
                run_group,
                self.settings,
                stage,
                own,
                self.shipment,
                *upstream,
            )
            keys.append((key, own))
        return keys

    def reading(self, node: Node) -> _Reading:
        """Where the elements of a node that begins a stage come from."""
        at_hand = self.resolved.get(node.number)
        if isinstance(at_hand, LoadInput | BlockInput):
            return _Reading(at_hand.of, _nothing)
        if isinstance(at_hand, KeptBlocks):
            self.graph.update(at_hand.entries)
            entries = list(at_hand.entries)
            return _Reading(
                lambda _: BlockInput(), lambda index, _: [entries[index]], at_hand.groups
            )
        if isinstance(node, Source):
            source = SourceInput(self.step_of(node))
            return _Reading(lambda _: source, _nothing)
        if node.number in self.exchanged:
            return self.exchanged[node.number]
        raise AssertionError(f"{node.operator} was not run before what depends on it was lowered")

    def exchange(self, node: Exchange) -> _Reading:
        """Add the map side of an exchange."""
        step = self.step_of(node)
        sources = range(node.input.parallelism)
        if node.operator == "reduce":
            partials = self.stage(node.input, PartialOutput(step), sources, self.tasks)
            keys = [key for key, _ in partials]
            return _Reading(lambda _: ReduceInput(step), lambda _, __: keys)
        # Every map task sends to every group of targets: fewer, larger groups keep the graph small.
        output = SplitOutput(step, node.parallelism)
        maps = self.stage(node.input, output, sources, 2 * self.threads)
        groups = grouped(range(node.parallelism), 2 * self.threads)

        def sent(index: int, targets: Sequence[int]) -> list[Key]:
            pieces: list[Key] = []
            for number, (key, _) in enumerate(maps):
                piece: Key = (f"send-{self.token}-{node.number}", number, index)
                self.graph[piece] = Task(piece, split_group, TaskRef(key), groups[index])
                pieces.append(piece)
            return pieces

        return _Reading(lambda _: MergeInput(step), sent, groups)


def _rank(index: int, groups: int) -> str:
    """Name of a group that makes Dask run the first ones first.

    Among tasks that nothing else tells apart, Dask begins with the last in the alphabet.
    """
    return f"{groups - 1 - index:05d}"


def _nothing(index: int, partitions: Sequence[int]) -> Sequence[Key]:
    """Keys that a group of a stage without an upstream depends on."""
    return ()


def _task_name(labels: Sequence[str]) -> str:
    """Name of a stage's tasks, as a person recognises it on the dashboard."""
    words = [label for label in labels if label]
    name = "-".join(words if len(words) <= 5 else [*words[:2], "…", *words[-2:]])
    return "".join(each if each.isalnum() or each in "_-.…" else "_" for each in name)
