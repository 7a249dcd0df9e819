"""Plan → Dask graph: stages of fused operators, over groups of partitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any, TypeAlias

from dask._task_spec import Task, TaskRef

from dtset.exchange.deal import parent_of
from dtset.execution.at_hand import Cached
from dtset.execution.code import StoredShipment
from dtset.execution.data.graph_source import GraphInput, GraphSource
from dtset.execution.exchange.receiving import ReceiveInput, split_group
from dtset.execution.exchange.sending import SendOutput, is_dealt
from dtset.execution.inputs import (
    BlockInput,
    Branch,
    DealInput,
    Input,
    LoadInput,
    SideInput,
    SourceInput,
    ZipInput,
    deal_of_input,
)
from dtset.execution.outputs import BlockOutput, Output, PersistOutput
from dtset.execution.schedulers.scheduler import Graph, Key
from dtset.execution.shipping import Shipment
from dtset.execution.stage import ExpectedFiles, TaskSettings
from dtset.execution.tasks import Stage, classes_in, run_group
from dtset.operators.call import CallSpec
from dtset.operators.operator import Step
from dtset.plan.nodes import (
    Apply,
    Exchange,
    Mark,
    Node,
    Source,
    Stored,
    Zip,
    described,
    is_link,
    topological,
)

# How many partitions' values one task of a tree puts together.
_ARITY = 32
# What is zipped runs inside of what it is zipped into: some ten frames deeper.
_ZIPS_IN_A_STACK = 20


Given: TypeAlias = LoadInput | BlockInput | GraphSource
Whereabouts: TypeAlias = Mapping[Mark, Given | Cached]


@dataclass(frozen=True)
class Want:
    """Some partitions of a node, and what becomes of them."""

    node: Node
    output: Output
    partitions: Sequence[int]


@dataclass(frozen=True)
class Target:
    """What is wanted together, of some nodes; what these have in common is computed once.

    `chains` are those, by node, of operators that see them as ``ctx.id`` and ``ctx.random``; `files` are what
    functions read by themselves, in the state that was fingerprinted.
    """

    wants: Sequence[Want]
    resolved: Mapping[Mark, Given]
    shipment: Shipment | StoredShipment = field(repr=False)
    chains: Mapping[Mark, str]
    files: tuple[ExpectedFiles, ...] = ()


@dataclass(frozen=True)
class Lowered:
    """A Dask graph; for each want its keys, and the group of partitions that each of them gives."""

    graph: Graph
    groups: Sequence[Sequence[tuple[Key, Sequence[int]]]]
    settings: TaskSettings
    has_exchange: bool


@dataclass(frozen=True)
class _Reading:
    """Where a stage's elements come from: what each of its tasks depends on.

    Inputs and the keys that a task depends on are by its partitions; `callers` are keys of the operators that run
    while it is read, each with how many partitions are before its own.
    """

    name: str
    input_of: Callable[[Sequence[int]], Input]
    upstream_of: Callable[[Sequence[int]], Sequence[Key]] = lambda _: ()
    groups: Sequence[Sequence[int]] | None = None
    callers: tuple[tuple[str, int], ...] = ()


def grouped(partitions: Sequence[int], groups: int) -> list[Sequence[int]]:
    """Cut partitions into contiguous groups of about the same size."""
    groups = max(1, min(groups, len(partitions)))
    bounds = [len(partitions) * index // groups for index in range(groups + 1)]
    return [partitions[start:stop] for start, stop in pairwise(bounds) if start < stop]


def lower(
    target: Target,
    at_hand: Whereabouts,
    *,
    spec_of: Callable[[Node], CallSpec[Any]],
    settings: TaskSettings,
    threads: int,
    tasks_per_thread: int,
) -> Lowered:
    """Make the Dask graph of what an action wants, of which nothing above the nodes at hand becomes part."""
    tasks = threads * tasks_per_thread
    lowering = _Lowering(target, at_hand, spec_of, settings, threads, tasks)
    # From the sources on: a plan may be deeper than a stack.
    ends = [want.node for want in target.wants]
    needed = topological(*ends, until=lambda node: node.mark in at_hand)
    readers = Counter(above.mark for node in needed for above in node.inputs)
    readers.update(end.mark for end in ends)
    depths = Counter[Mark]()
    for node in needed:
        if node.mark in at_hand:
            continue
        depth = max((depths[above.mark] for above in node.inputs), default=0)
        depth += isinstance(node, Zip)
        if isinstance(node, Exchange):
            lowering.readings[node.mark] = lowering.exchange(node)
        # Data are read as often as they are wanted; a function is called once, as it may give something else.
        is_data = isinstance(node, Source) and not node.functions
        is_fan_out = readers[node.mark] > 1 and not is_data and not isinstance(node, Stored)
        if is_fan_out or depth > _ZIPS_IN_A_STACK:
            lowering.readings[node.mark] = lowering.fan_out(node)
        depths[node.mark] = 0 if node.mark in lowering.readings else depth
    groups = []
    for number, want in enumerate(target.wants):
        part = f"{want.node.mark.number}-{number}" if number else None
        groups.append(lowering.stage(want.node, want.output, want.partitions, tasks, part))
    has_exchange = any(isinstance(node, Exchange) for node in needed)
    return Lowered(lowering.graph, groups, settings, has_exchange)


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

    target: Target
    at_hand: Whereabouts
    spec_of: Callable[[Node], CallSpec[Any]]
    settings: TaskSettings
    threads: int
    tasks: int
    graph: Graph = field(default_factory=dict)
    readings: dict[Mark, _Reading] = field(default_factory=dict)
    # Of each operator in the graph, the side inputs.
    sides: dict[str, Mapping[str, Node]] = field(default_factory=dict)

    def stage(
        self,
        node: Node,
        output: Output,
        partitions: Sequence[int],
        tasks: int,
        part: str | None = None,
    ) -> list[tuple[Key, Sequence[int]]]:
        """Add the tasks of the stage that ends at a node, the `part` telling it from others; return keys and partitions."""
        reading, steps = self.chain(node)
        return self.add(reading, steps, output, partitions, tasks, part or str(node.mark.number))

    def chain(self, node: Node) -> tuple[_Reading, list[CallSpec[Step]]]:
        """Where the stage that ends at a node begins, and the steps from there on."""
        steps: list[CallSpec[Step]] = []
        while isinstance(node, Apply) and node.mark not in self.readings:
            if not is_link(node):
                steps.append(self.spec_of(node))
                self.sides[steps[-1].key] = node.sides
            node = node.inputs[0]
        return self.reading(node), steps[::-1]

    def add(
        self,
        reading: _Reading,
        steps: Sequence[CallSpec[Step]],
        output: Output,
        partitions: Sequence[int],
        tasks: int,
        part: str,
    ) -> list[tuple[Key, Sequence[int]]]:
        groups = reading.groups or grouped(partitions, tasks)
        wanted = set(partitions)
        last = type(output).__name__.removesuffix("Output").lower()
        labels = [reading.name, *(step.label for step in steps), last]
        name = f"{_task_name(labels)}-{self.settings.action}-{part}"
        sending = [output.spec.key] if isinstance(output, SendOutput) else []
        keys: list[tuple[Key, Sequence[int]]] = []
        for index, group in enumerate(groups):
            own = [partition for partition in group if partition in wanted]
            if not own:
                continue
            # Of tasks that nothing else tells apart, Dask begins with the last in the alphabet.
            key: Key = (name, f"{len(groups) - 1 - index:05d}")
            callers = (
                *reading.callers,
                *((caller, 0) for caller in [*(s.key for s in steps), *sending]),
            )
            beside = [
                self.side_input(caller, name, stored, own, before)
                for caller, before in callers
                for name, stored in self.sides.get(caller, {}).items()
            ]
            stage = Stage(
                reading.input_of(own),
                tuple(steps),
                output.of(own) if isinstance(output, PersistOutput) else output,
                self.target.files,
                tuple(side for side, _ in beside),
            )
            upstream = [*reading.upstream_of(own), *(each for _, read in beside for each in read)]
            self.graph[key] = Task(
                key,
                run_group,
                self.settings,
                stage,
                own,
                self.target.shipment,
                *map(TaskRef, upstream),
            )
            keys.append((key, own))
        return keys

    def side_input(
        self, key: str, name: str, stored: Node, partitions: Sequence[int], before: int
    ) -> tuple[SideInput, Sequence[Key]]:
        """Return what a task reads of a side input, and the keys that it depends on for it."""
        # Of one that it does not read, the first: what deal a task is computed from is the same for all of a stage.
        own = [0] if stored.parallelism == 1 else _own(stored, partitions, before) or [0]
        reading = self.reading(stored)
        upstream = reading.upstream_of(own)
        found = reading.input_of(own)
        assert isinstance(found, LoadInput | BlockInput)
        return SideInput(key, name, found, stored.parallelism, len(upstream), before), upstream

    def reading(self, node: Node) -> _Reading:
        """Where the elements of a node that begins a stage come from."""
        if node.mark in self.readings:
            return self.readings[node.mark]
        at_hand = self.at_hand.get(node.mark)
        name = node.operator.name
        if isinstance(at_hand, LoadInput | BlockInput):
            return _Reading(name, at_hand.of)
        if isinstance(at_hand, GraphSource):
            added = partial(at_hand.reading, f"{name}-{node.mark.number}", graph=self.graph)
            return _Reading(name, GraphInput, added)
        if isinstance(at_hand, Cached):
            self.graph.update(at_hand.entries)
            return _blocks(name, list(zip(at_hand.entries, at_hand.groups, strict=True)))
        spec = self.spec_of(node)
        if isinstance(node, Zip):
            return self.zipped(node, spec)
        self.sides[spec.key] = node.sides
        source = SourceInput(spec)
        return _Reading(name, lambda _: source, callers=((spec.key, 0),))

    def zipped(self, node: Zip, spec: CallSpec[Any]) -> _Reading:
        """Where the elements of partitions put together come from: all that is above them runs in the same task."""
        inputs = list(zip(map(self.chain, node.inputs), node.inputs, node.before, strict=True))

        def upstream_of_one(number: int, own: Sequence[int]) -> Sequence[Key]:
            """Keys that a task depends on for an input, of which it reads some partitions, or none but its deal."""
            reading = inputs[number][0][0]
            upstream = reading.upstream_of(own or [0])
            if own or not upstream:
                return upstream
            key: Key = (f"deal-{self.settings.action}-{spec.key}", number)
            if key not in self.graph:
                refs = map(TaskRef, upstream)
                self.graph[key] = Task(key, deal_of_input, reading.input_of([0]), *refs)
            return [key]

        def input_of(partitions: Sequence[int]) -> ZipInput:
            branches = []
            for number, ((reading, steps), above, before) in enumerate(inputs):
                own = _own(above, partitions, before)
                count = len(upstream_of_one(number, own))
                read = DealInput() if count and not own else reading.input_of(own or [0])
                branches.append(Branch(read, tuple(steps), count, before, above.parallelism))
            return ZipInput(spec, tuple(branches))

        def upstream_of(partitions: Sequence[int]) -> list[Key]:
            return [
                key
                for number, (_, above, before) in enumerate(inputs)
                for key in upstream_of_one(number, _own(above, partitions, before))
            ]

        callers = [
            (key, before + further)
            for (reading, steps), _, before in inputs
            for key, further in (*reading.callers, *((step.key, 0) for step in steps))
        ]
        return _Reading(spec.operator.name, input_of, upstream_of, callers=tuple(callers))

    def fan_out(self, node: Node) -> _Reading:
        """Add the stage of a node that several others read: it is computed once, and kept in memory meanwhile."""
        made = self.stage(node, BlockOutput(), range(node.parallelism), self.tasks)
        return _blocks(described(node), made)

    def exchange(self, node: Exchange) -> _Reading:
        spec = self.spec_of(node)
        mover = spec.operator
        self.sides[spec.key] = node.sides
        sent: list[tuple[Key, Sequence[int]]] = []
        for side, above in enumerate(node.inputs):
            sources = above.parallelism
            targets = -(-sources // _ARITY) if mover.is_merging else node.parallelism
            output = SendOutput(spec, sources, targets, side)
            # Every map task sends to every group of targets: fewer, larger groups keep the graph small.
            tasks = self.tasks if mover.is_merging else 2 * self.threads
            sent += self.stage(above, output, range(sources), tasks, f"{spec.key}-{side}")
        while targets > node.parallelism:
            reading = self.received(spec, 1, sent, sources, targets, is_last=False)
            sources, targets = targets, -(-targets // _ARITY)
            output = SendOutput(spec, sources, targets)
            part = f"{spec.key}-of-{sources}"
            sent = self.add(reading, (), output, range(sources), self.tasks, part)
        return self.received(spec, len(node.inputs), sent, sources, node.parallelism, is_last=True)

    def received(
        self,
        spec: CallSpec[Any],
        sides: int,
        sent: Sequence[tuple[Key, Sequence[int]]],
        sources: int,
        targets: int,
        *,
        is_last: bool,
    ) -> _Reading:
        reached = [
            {parent_of(source, sources, targets) for source in group}
            if spec.operator.is_merging
            else set(range(targets))
            for _, group in sent
        ]
        groups = grouped(range(targets), 2 * self.threads)
        received = ReceiveInput(spec, sides, is_dealt(spec, targets), is_last)

        def upstream_of(partitions: Sequence[int]) -> list[Key]:
            pieces: list[Key] = []
            for index, group in enumerate(groups):
                if set(group).isdisjoint(partitions):
                    continue
                for number, (key, _) in enumerate(sent):
                    if reached[number].issubset(group):
                        pieces.append(key)
                    elif not reached[number].isdisjoint(group):
                        name = f"send-{self.settings.action}-{spec.key}-{targets}"
                        piece: Key = (name, number, index)
                        self.graph[piece] = Task(piece, split_group, TaskRef(key), group)
                        pieces.append(piece)
            return pieces

        return _Reading(spec.operator.name, lambda _: received, upstream_of, groups)


def _own(node: Node, partitions: Sequence[int], before: int) -> list[int]:
    """Numbers that some partitions have in a node, with so many before its own; those of others are left out."""
    return [own for each in partitions if 0 <= (own := each - before) < node.parallelism]


def _blocks(name: str, made: Sequence[tuple[Key, Sequence[int]]]) -> _Reading:
    """Where the elements of encoded blocks come from, given the tasks that made them."""

    def upstream_of(partitions: Sequence[int]) -> list[Key]:
        wanted = set(partitions)
        return [key for key, group in made if not wanted.isdisjoint(group)]

    return _Reading(name, lambda _: BlockInput(), upstream_of, [group for _, group in made])


def _task_name(labels: Sequence[str]) -> str:
    """Name of a stage's tasks, as a person recognises it on the dashboard."""
    words = [label for label in labels if label]
    name = "-".join(words if len(words) <= 5 else [*words[:2], "…", *words[-2:]])
    return "".join(letter if letter.isalnum() or letter in "_-.…" else "_" for letter in name)
