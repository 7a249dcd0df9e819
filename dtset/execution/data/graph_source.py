"""Partitions that tasks of a Dask collection give: its graph becomes part of the graphs that read them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from dask._task_spec import Alias, DataNode, GraphNode, Task, TaskRef

from dtset.errors import FingerprintError, UsageError
from dtset.execution.inputs import Opened
from dtset.execution.schedulers.scheduler import Graph, Key
from dtset.execution.stage import Scope
from dtset.fingerprint.origin import is_user_module
from dtset.operators.kernels.batching import Batches, batched
from dtset.plan.rows import rows_of_frame

# Modules of what reads files: Dask's readers, and arrays and file systems that tasks hold.
_READERS = re.compile(
    r"dask\.(.+\.io\.(parquet|csv|orc|json|hdf|sql)|bag\.(text|avro))\b"
    r"|(fsspec|zarr|h5py|pyarrow\._?(fs|dataset|parquet))\b"
)


@dataclass(frozen=True, eq=False)
class GraphSource:
    """Partitions that tasks give, by their keys in a graph.

    The `version` is the user's word for what they give; without one it is what is `described` that is fingerprinted:
    the graph before it was optimized, and the keys in it.
    """

    keys: Sequence[Key] = field(repr=False)
    graph: Mapping[Key, GraphNode] = field(repr=False)
    described: tuple[Mapping[Key, GraphNode], Sequence[Key]] = field(repr=False)
    version: object = None

    def identity(self) -> object:
        """Return what the elements depend on: the version, or the functions and arguments of all tasks."""
        if self.version is not None:
            return ("version", self.version)
        graph, ends = self.described
        return _tasks(_unfused(graph), ends)

    def reads(self, partitions: int) -> Sequence[tuple[object, tuple[()]]]:
        """Return what each partition's elements depend on: the version, or what the tasks do that give them."""
        if self.version is not None:
            return [((self.version, number, partitions), ()) for number in range(partitions)]
        graph, keys = _unfused(self.described[0]), self.described[1]
        return [(_tasks(graph, [key]), ()) for key in keys]

    def reading(self, name: str, partitions: Sequence[int], graph: Graph) -> list[Key]:
        """Add the tasks that give some partitions to a graph; return the keys of these."""
        made: list[Key] = [(name, partition) for partition in partitions]
        wanted = [self.keys[partition] for partition in partitions]
        graph.update({key: _plain(key, self.graph[key]) for key in _needed(self.graph, wanted)})
        for key, given in zip(made, wanted, strict=True):
            graph[key] = Task(key, _kept, TaskRef(given))
        return made


@dataclass(frozen=True)
class GraphInput:
    """Elements of partitions that tasks of a Dask collection gave."""

    partitions: Sequence[int]

    def open(self, upstream: Sequence[Any]) -> Opened:
        """Return the batches by partition."""
        found = dict(zip(self.partitions, upstream, strict=True))

        def batches(scope: Scope) -> Batches:
            given = found[scope.partition]
            rows = rows_of_frame(given) if hasattr(given, "itertuples") else iter(given)
            return batched(rows, scope.settings.batch_size)

        return Opened(batches)


@dataclass(frozen=True)
class _Held:
    """A node of a graph of Dask's, and the keys that it reads."""

    node: GraphNode
    reads: Sequence[Key]

    def run(self, *values: Any) -> Any:
        """Return what the node gives."""
        return self.node(dict(zip(self.reads, values, strict=True)))


def _plain(key: Key, node: GraphNode) -> Task:
    """Return a task that depends on others by its arguments only, as every scheduler knows them."""
    held = _Held(node, sorted(node.dependencies, key=str))
    return Task(key, held.run, *map(TaskRef, held.reads))


def _kept(given: Any) -> Any:
    """Return what a task gave as what can be iterated over more than once."""
    if hasattr(given, "itertuples") or hasattr(given, "__len__"):
        return given
    if not hasattr(given, "__iter__"):
        raise UsageError(
            f"a partition of a Dask collection is an iterable of elements, and was {given!r:.80}: put it in a list"
        )
    return list(given)


def _needed(graph: Mapping[Key, GraphNode], ends: Iterable[Key]) -> list[Key]:
    """Keys of all tasks that some depend on, each after those that it reads."""
    found: dict[Key, None] = {}
    stack = [(key, False) for key in reversed([*ends])]
    seen: set[Key] = set()
    while stack:
        key, done = stack.pop()
        if done:
            found[key] = None
        elif key not in seen:
            seen.add(key)
            stack.append((key, True))
            above = sorted(graph[key].dependencies, key=str)
            stack.extend((each, False) for each in reversed(above))
    return [*found]


def _unfused(graph: Mapping[Key, GraphNode]) -> dict[Key, GraphNode]:
    """Return a graph in which the tasks that Dask has fused into one stand by themselves."""
    made = dict(graph)
    for key, node in graph.items():
        if isinstance(node, Task) and node.has_subgraph():
            inner, end, names, *given = node.args
            made |= _unfused(inner)
            read = zip(names, given, strict=True)
            made |= {name: Alias(name, ref) for name, ref in read if ref.key != name}
            if end != key:
                made[key] = Alias(key, end)
    return made


def _tasks(graph: Mapping[Key, GraphNode], ends: Sequence[Key]) -> list[object]:
    """Functions and arguments of all tasks; those that they read are named by numbers, never by Dask's tokens."""
    numbers: dict[Key, int] = {}
    made: list[object] = []
    # Dask orders what a task reads by tokens, which change: it is numbered where it occurs first.
    for end in ends:
        stack: list[tuple[Key, bool]] = [(end, False)]
        while stack:
            key, done = stack.pop()
            if key in numbers:
                continue
            if done:
                made.append(_shown(graph[key], numbers))
                numbers[key] = len(made)
            else:
                stack.append((key, True))
                stack.extend((each, False) for each in reversed([*_references(graph[key])]))
    return [*made, [numbers[end] for end in ends]]


def _references(part: Any) -> Iterator[Key]:
    """Keys that a task refers to, in the order in which they occur in it."""
    if isinstance(part, TaskRef):
        yield part.key
    elif isinstance(part, Alias):
        yield part.target
    elif isinstance(part, Task):
        yield from _references((part.args, part.kwargs))
    elif isinstance(part, Mapping):
        yield from _references(list(part.values()))
    elif isinstance(part, list | tuple | set | frozenset):
        for each in part:
            yield from _references(each)


def _shown(part: Any, numbers: Mapping[Key, int]) -> object:
    """What a task does, in terms that a fingerprint can be taken of."""
    shown = partial(_shown, numbers=numbers)
    if isinstance(part, TaskRef):
        return ("reads", numbers[part.key])
    if isinstance(part, Alias):
        return ("reads", numbers[part.target])
    if isinstance(part, DataNode):
        return ("data", _not_reading(part.value))
    if isinstance(part, Task):
        return ("calls", _not_reading(part.func), shown(part.args), shown(part.kwargs))
    if isinstance(part, Mapping) and type(part) is dict:
        return {key: shown(value) for key, value in part.items()}
    if type(part) in (list, tuple):
        return type(part)(map(shown, part))
    return _not_reading(part)


def _not_reading(part: Any) -> object:
    """Return what is in a task unless, as far as its name says, it is what a library reads files by."""
    named = part
    while isinstance(named, partial):
        named = named.func
    module, name = (str(getattr(named, word, "")) for word in ("__module__", "__name__"))
    is_reader = name.startswith(("read", "load", "open")) and not is_user_module(module)
    if is_reader or _READERS.match(module):
        shown = name or type(named).__qualname__
        raise FingerprintError(
            f"a task of the collection reads files by itself ({shown}), which may change: give version=, which you "
            "change whenever they do, or read them with env.read_text() and the like"
        )
    return part
