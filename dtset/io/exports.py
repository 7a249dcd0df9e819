"""TSets as Dask's collections: bags, delayed values, arrays, DataFrames."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from dask._task_spec import Task, TaskRef
from dask.highlevelgraph import HighLevelGraph

from dtset.errors import ConfigurationError, UsageError
from dtset.execution.export import Export, batches_of
from dtset.execution.schedulers.scheduler import Key
from dtset.execution.stage import GroupResult
from dtset.io.formats import column_names, values_of
from dtset.storage.batch import Rows, joined, rows_of
from dtset.storage.numpy_batches import to_numpy


def default_scheduler() -> Any:
    """Return what runs graphs where nothing else is configured: that of arrays and delayed values, to be mixed with them."""
    from dask.threaded import get

    return get


def elements_of(results: Sequence[GroupResult] | GroupResult) -> list[Any]:
    """Return the elements of partitions, in their order."""
    given = [results] if isinstance(results, GroupResult) else results
    return list(rows_of(batches_of(*given)))


def bag_of(export: Export) -> Any:
    """Return a bag of the elements."""
    from dask.bag import Bag

    name, graph = _graph(export, "bag", elements_of)
    return Bag(graph, name, len(export.keys))


def delayed_of(export: Export) -> list[Any]:
    """Return a delayed list for each partition."""
    from dask.delayed import Delayed

    name, graph = _graph(export, "delayed", elements_of)
    return [Delayed((name, number), graph, layer=name) for number in range(len(export.keys))]


def array_of(export: Export, first: Sequence[Any], rows: Sequence[int] | None) -> Any:
    """Return an array of the elements; of how many `rows` in each partition, where that is known."""
    import dask.array

    if not first:
        raise UsageError("to_dask_array() of a TSet without elements, whose dtype nobody can know")
    sample = to_numpy(Rows([*first]))
    if not isinstance(sample, np.ndarray):
        raise UsageError(
            f"to_dask_array() takes numbers, texts or arrays of one shape, and an element is {first[0]!r:.80}: map it to one "
            "of its parts, or call to_dataframe()"
        )
    rest = (0,) * (sample.ndim - 1)
    name, graph = _graph(export, "array", partial(_block, sample.dtype, sample.shape[1:]), rest)
    lengths = tuple([np.nan] * len(export.keys) if rows is None else rows)
    chunks = (lengths, *((length,) for length in sample.shape[1:]))
    return dask.array.Array(graph, name, chunks, dtype=sample.dtype)


def xarray_of(array: Any) -> Any:
    """Return a labelled array over one of Dask's."""
    try:
        import xarray
    except ImportError as error:
        raise ConfigurationError(
            "to_xarray() needs xarray: install it, as with pip install 'dtset[xarray]'"
        ) from error
    dims = ["element", *(f"dim_{number}" for number in range(1, array.ndim))]
    if np.isnan(array.shape[0]):
        array = array.compute_chunk_sizes()
    return xarray.DataArray(array, dims=dims)


def frame_of(export: Export, first: Sequence[Any]) -> Any:
    """Return a DataFrame of `dask.dataframe`, of rows like the first ones."""
    try:
        import dask.dataframe
    except ImportError as error:
        raise ConfigurationError(
            "to_dataframe() needs pandas and pyarrow: install them, as with pip install 'dask[dataframe]'"
        ) from error
    if not first:
        raise UsageError("to_dataframe() of a TSet without elements, whose columns nobody can know")
    names = column_names("to_dataframe()", first[0])
    meta = _frame(names, first).iloc[:0]
    name, graph = _graph(export, "frame", partial(_frame_of, meta))
    from dask.delayed import Delayed

    parts = [Delayed((name, number), graph, layer=name) for number in range(len(export.keys))]
    return dask.dataframe.from_delayed(parts, meta=meta, verify_meta=False)


def _graph(
    export: Export, kind: str, make: Any, rest: tuple[int, ...] = ()
) -> tuple[str, HighLevelGraph]:
    """Return a graph whose tasks make something of each partition, and the name of these."""
    name = f"{kind}-{export.keys[0][0]}"
    tasks: dict[Key, Task] = {}
    for number, key in enumerate(export.keys):
        made: Key = (name, number, *rest)
        tasks[made] = Task(made, make, TaskRef(key))
    layers = {name: tasks, f"{name}-above": export.graph}
    return name, HighLevelGraph(layers, {name: {f"{name}-above"}, f"{name}-above": set()})


def _block(dtype: Any, shape: tuple[int, ...], result: GroupResult) -> Any:
    """Make an array of a partition, of the kind that the first one was found to be."""
    batch = joined(batches_of(result))
    if not len(batch):
        return np.empty((0, *shape), dtype)
    found = to_numpy(batch)
    if not isinstance(found, np.ndarray) or found.dtype != dtype or found.shape[1:] != shape:
        raise TypeError(
            f"to_dask_array() takes elements of one kind: the first is of dtype {dtype}, shape {shape}, and those of "
            f"another partition are not. Map them to one kind"
        )
    return found


def _frame_of(meta: Any, result: GroupResult) -> Any:
    rows = elements_of(result)
    return _frame(tuple(meta.columns), rows) if rows else meta


def _frame(names: tuple[str, ...], rows: Sequence[Any]) -> Any:
    import pandas as pd

    values = [values_of("to_dataframe()", row, names) for row in rows]
    return pd.DataFrame.from_records(values, columns=list(names))
