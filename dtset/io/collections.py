"""Dask collections as sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from dask._task_spec import GraphNode, convert_legacy_graph
from dask.base import is_dask_collection
from dask.core import flatten

from dtset.errors import UsageError
from dtset.execution.data.graph_source import GraphSource
from dtset.execution.schedulers.scheduler import Key

_Parts: TypeAlias = tuple[Mapping[Any, Any], list[Key]]


def collection_source(said: str, collections: Sequence[Any], version: object) -> GraphSource:
    """Return what reads the partitions of Dask collections, one after the other."""
    if not collections or not all(map(is_dask_collection, collections)):
        raise UsageError(f"{said} takes Dask collections, and was given {collections!r:.80}")
    graph, keys = _merged(list(map(_optimized, collections)))
    return GraphSource(keys, graph, _merged(list(map(_as_it_is, collections))), version)


def _as_it_is(collection: Any) -> _Parts:
    return collection.__dask_graph__(), list(flatten(collection.__dask_keys__()))


def _optimized(collection: Any) -> _Parts:
    """Return the graph of a collection as it is run; `dask.optimize` gives another result for a filtered DataFrame."""
    if isinstance(getattr(collection, "npartitions", None), int) and hasattr(collection, "expr"):
        return _as_it_is(collection.optimize())
    graph, keys = _as_it_is(collection)
    return collection.__dask_optimize__(graph, keys), keys


def _merged(collections: Sequence[_Parts]) -> tuple[dict[Key, GraphNode], list[Key]]:
    graph: dict[Key, GraphNode] = {}
    keys: list[Key] = []
    for made, ends in collections:
        graph.update(convert_legacy_graph(dict(made)))
        keys += ends
    return graph, keys
