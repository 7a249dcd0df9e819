"""TSets as Dask's collections, and as a collection of Dask's themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from dtset.plan.nodes import Stored
from dtset.session.actions import take
from dtset.tset.handle import Handle

if TYPE_CHECKING:
    from dtset.execution.export import Export

T = TypeVar("T")
# How many elements say what the others are.
_LOOKED_AT = 100


class Exports(Handle[T]):
    """A TSet as a collection of Dask's.

    `dask.compute`, `dask.persist`, `dask.visualize` and a client's methods take it: computed it is a list, persisted a
    CachedTSet. What asks for its graph carries the caches and persists above it out first.
    """

    _export: Export | None = None

    def to_bag(self) -> Any:
        """Return a `dask.bag.Bag` of the elements, with the same partitions.

        Caches and persists above are carried out now; the rest is computed by whoever computes the bag.

        Examples
        --------
        >>> env.range(4, parallelism=2).to_bag().map(lambda i: i + 1).compute(scheduler="sync")
        [1, 2, 3, 4]
        """
        from dtset.io.exports import bag_of

        return bag_of(self._exported())

    def to_delayed(self) -> list[Any]:
        """Return a `dask.delayed` value for each partition: the list of its elements; as `to_bag` otherwise."""
        from dtset.io.exports import delayed_of

        return delayed_of(self._exported())

    def to_dask_array(self) -> Any:
        """Return a `dask.array` of the elements, which are numbers, texts, or arrays of one shape; as `to_bag` otherwise.

        The first element, which is computed now, says the dtype. How long its chunks are is known of a persisted
        TSet, and NaN of others: ``compute_chunk_sizes()`` finds out.
        """
        from dtset.io.exports import array_of

        return array_of(
            self._exported(), take(*self._session.bound(self._node), 1), self._lengths()
        )

    def to_dataframe(self) -> Any:
        """Return a `dask.dataframe` of named tuples, dicts or tuples; needs pandas and pyarrow; as `to_bag` otherwise.

        The first elements, which are computed now, say its columns and their dtypes. Plain tuples have columns named
        0, 1 and so on.
        """
        from dtset.io.exports import frame_of

        return frame_of(self._exported(), take(*self._session.bound(self._node), _LOOKED_AT))

    def to_xarray(self) -> Any:
        """Return an `xarray.DataArray` of the elements, over a `dask.array`; needs xarray.

        Its first dimension is ``element``. How many elements there are is computed now, unless the TSet is persisted.
        """
        from dtset.io.exports import xarray_of

        return xarray_of(self.to_dask_array())

    def _lengths(self) -> list[int] | None:
        found = self._session.persisted(self._node)
        return None if found is None else [part.summary.rows for part in found.manifest.parts]

    def _exported(self) -> Export:
        self._export = self._session.export(self._node, self._export)
        return self._export

    def __dask_graph__(self) -> Mapping[Any, Any]:
        """Carry out the caches and persists above; return the graph of what is left."""
        return self._exported().graph

    def __dask_keys__(self) -> list[Any]:
        return list(self._exported().keys)

    def __dask_layers__(self) -> tuple[str, ...]:
        return (str(self._exported().keys[0][0]),)

    @staticmethod
    def __dask_optimize__(graph: Any, keys: Any, **options: Any) -> Any:
        return graph

    def __dask_tokenize__(self) -> str:
        return self._exported().token

    def __dask_postcompute__(self) -> tuple[Callable[..., list[T]], tuple[()]]:
        from dtset.io.exports import elements_of

        return elements_of, ()

    def __dask_postpersist__(self) -> tuple[Callable[..., Any], tuple[list[Any]]]:
        return self._kept_elsewhere, (self.__dask_keys__(),)

    @property
    def __dask_scheduler__(self) -> Any:
        from dtset.io.exports import default_scheduler

        return default_scheduler()

    def _kept_elsewhere(
        self,
        given: Mapping[Any, Any],
        keys: Sequence[Any],
        *,
        rename: Mapping[str, str] | None = None,
    ) -> Any:
        """Return a cache of partitions that Dask has computed, or is about to; of a graph, the TSet itself."""
        named = [((rename or {}).get(name, name), number) for name, number in keys]
        stored = Stored(durable=False, inputs=(self._node,))
        if not self._session.kept_elsewhere(stored, {key: given[key] for key in named}):
            return self
        kept = self._in_memory(stored)
        # Now: distributed's wait() and progress() ask for its graph where nothing can be waited for.
        kept._exported()
        return kept

    def _in_memory(self, node: Stored) -> Any:
        raise NotImplementedError
