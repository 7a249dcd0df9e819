"""TSets: operations that give elements of another type. Classes that give one another, so that they share a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, Unpack, overload

from dtset.errors import ConfigurationError, UsageError
from dtset.operators import pairwise
from dtset.operators.batchwise import MAP_BATCHES
from dtset.operators.elementwise import FLAT_MAP, MAP, MAP_TO_TUPLE
from dtset.operators.gathering import COGROUP, KEYED_GATHER
from dtset.operators.joins import ALGORITHMS, JOIN, KEPT_SIDES, JoinedTuple
from dtset.operators.kernels.values import Values
from dtset.operators.links import with_sources
from dtset.operators.partitionwise import COMPUTE, COMPUTE_TO_TUPLE
from dtset.plan.context import TSetContext
from dtset.plan.nodes import Apply, Exchange, Node, Stored
from dtset.tset.actions import Actions
from dtset.tset.aggregations import Aggregations
from dtset.tset.checks import Given, GivenEach, one_of, with_right
from dtset.tset.elsewhere import ELSEWHERE, HOW_TO_KEY
from dtset.tset.exports import Exports
from dtset.tset.nodes import Partition, aggregated_by_key, applied, grouping, indexed
from dtset.tset.pair_actions import PairActions
from dtset.tset.same_pairs import SamePairs
from dtset.tset.same_type import SameType
from dtset.tset.storing import InMemory, InStore, Storing
from dtset.tset.writing import Writers

T = TypeVar("T")
U = TypeVar("U")
K = TypeVar("K")
V = TypeVar("V")
W = TypeVar("W")


class TSet(SameType[T], Storing, Actions[T], Aggregations[T], Writers[T], Exports[T]):
    """Elements in partitions, computed when an action wants them: Twister2's ``TSet``.

    Made by the sources of a `TSetEnvironment` and by the operations here. Operations give new TSets and
    compute nothing; actions (`collect`, `count`, `for_each`, …), `cache` and `persist` compute.

    Operations with a function take ``depends_on``: files that the function reads by itself, as a path, an fsspec
    URL, a glob, or a sequence of such. What they are counts for what is found again.

    `map`, `flat_map`, `filter` and `for_each` take ``async def`` functions too, called for up to ``concurrency`` elements
    of a partition at once (default: the setting ``dtset.concurrency``), each for at most ``timeout`` seconds. All of a
    process run in one event loop, which lasts as long as the run. Results are in the order of the elements; an exception
    cancels the rest. A function, async or not, that raises is called again ``retries`` times, after growing pauses. Then
    ``on_error`` decides: ``"raise"``; ``"skip"`` leaves the element out, and says in the log how many were; ``"keep"``
    puts a `Failed` in its place. What is raised by dtset itself, and KeyboardInterrupt and the like, is raised always.

    Examples
    --------
    Here and in all examples, `env` is a `TSetEnvironment`.

    >>> env.range(6, parallelism=2).map(lambda i: i * i).filter(lambda i: i % 2 == 0).collect()
    [0, 4, 16]
    """

    @overload
    def map(self, f: Callable[[T], Awaitable[U]], **given: Unpack[GivenEach]) -> TSet[U]: ...
    @overload
    def map(
        self, f: Callable[[T, TSetContext], Awaitable[U]], **given: Unpack[GivenEach]
    ) -> TSet[U]: ...
    @overload
    def map(self, f: Callable[[T], U], **given: Unpack[GivenEach]) -> TSet[U]: ...
    @overload
    def map(self, f: Callable[[T, TSetContext], U], **given: Unpack[GivenEach]) -> TSet[U]: ...
    def map(self, f: Callable[..., Any], **given: Unpack[GivenEach]) -> TSet[Any]:
        """Give ``f(x)``, or ``f(x, ctx)``, for every element.

        Examples
        --------
        >>> env.parallelize(["1", "2"], 2).map(int).collect()
        [1, 2]
        """
        return TSet(self._session, applied(MAP, self._node, f, given))

    @overload
    def flat_map(
        self,
        f: Callable[[T], Iterable[U]]
        | Callable[[T], Awaitable[Iterable[U]]]
        | Callable[[T], AsyncIterator[U]],
        **given: Unpack[GivenEach],
    ) -> TSet[U]: ...
    @overload
    def flat_map(self, f: Callable[[T, Any], object], **given: Unpack[GivenEach]) -> TSet[Any]: ...
    def flat_map(self, f: Callable[..., Any], **given: Unpack[GivenEach]) -> TSet[Any]:
        """Give all elements of every ``f(x)``, or those that ``f(x, collector)`` passes to ``collector.collect``."""
        return TSet(self._session, applied(FLAT_MAP, self._node, f, given))

    @overload
    def compute(
        self, f: Callable[[Iterator[T], TSetContext], Iterator[U]], **given: Unpack[Given]
    ) -> TSet[U]: ...
    @overload
    def compute(
        self, f: Callable[[Iterator[T], TSetContext], U], **given: Unpack[Given]
    ) -> TSet[U]: ...
    @overload
    def compute(
        self, f: Callable[[T, TSetContext], Iterator[U]], **given: Unpack[Given]
    ) -> TSet[U]: ...
    @overload
    def compute(self, f: Callable[[T, TSetContext], U], **given: Unpack[Given]) -> TSet[U]: ...
    @overload
    def compute(
        self,
        f: Callable[[Iterator[T], Any, TSetContext], object]
        | Callable[[T, Any, TSetContext], object],
        **given: Unpack[Given],
    ) -> TSet[Any]: ...
    def compute(self, f: Callable[..., Any] | None = None, **given: Unpack[Given]) -> TSet[Any]:
        """Compute from whole partitions.

        Parameters
        ----------
        f : callable
            ``f(itr, collector, ctx)`` pushes elements with ``collector.collect(x)``; ``f(itr, ctx)``
            returns one value for the partition or, as an iterator of any kind (a generator, ``map(…)``,
            ``zip(…)``), its elements. After a `reduce` or `all_reduce`, the first argument is the value itself;
            after a `gather` or `all_gather` an iterator over ``(source_index, value)``.

        Examples
        --------
        >>> def double(itr, collector, ctx):
        ...     for i in itr:
        ...         collector.collect(2 * i)
        >>> env.range(3, parallelism=1).compute(double).collect()
        [0, 2, 4]
        """
        if f is None:
            raise UsageError(
                "compute() takes a function of whole partitions; to compute this TSet and get its elements, "
                "call collect()"
            )
        return TSet(self._session, applied(COMPUTE, with_sources(self._node), f, given))

    def compute_to_tuple(
        self, f: Callable[..., Any], **given: Unpack[Given]
    ) -> KeyedTSet[Any, Any]:
        """Compute pairs ``(key, value)`` from whole partitions: as `compute`, and what it gives are pairs."""
        node = applied(COMPUTE_TO_TUPLE, with_sources(self._node), f, given)
        return KeyedTSet(self._session, node)

    def map_batches(
        self, f: Callable[..., Any], *, dtype: type | None = None, **given: Unpack[Given]
    ) -> TSet[Any]:
        """Give the elements that ``f`` makes of NumPy arrays of elements.

        Ints arrive as int64, floats as float64, bools as bool, texts as ``StringDType``, dates and naive times as
        datetime64, NumPy's scalars and arrays of one shape as they are; tuples as a tuple of arrays, dicts of the same
        keys as a dict of arrays; not to be written to. Where the elements are columns already, no Python object is made
        for each. A partition may be cut into batches anywhere: `f` must not depend on it.

        Parameters
        ----------
        f : callable
            ``f(batch)`` or ``f(batch, ctx)``, of an array or a tuple or dict of arrays of one length; returns the
            like, of any length. Rows of an array with more dimensions are arrays. Elements come back of Python's
            own types where NumPy's dtype is one, else as NumPy's scalars.
        dtype : type, optional
            ``object``: elements of any kind arrive as they are, in an array of objects. Else a batch of several
            kinds, with None, or with ints beyond 64 bits is a TypeError when it is computed.

        Examples
        --------
        >>> env.range(4, parallelism=2).map_batches(lambda batch: batch * 2.5).collect()
        [0.0, 2.5, 5.0, 7.5]
        """
        if dtype not in (None, object):
            raise ConfigurationError(
                f"map_batches() takes dtype=object or none, and was given {dtype!r}"
            )
        as_objects = dtype is object
        node = applied(MAP_BATCHES, self._node, f, given, as_objects=as_objects)
        return TSet(self._session, node)

    @overload
    def map_to_tuple(
        self, f: Callable[[T], tuple[K, V]], **given: Unpack[Given]
    ) -> KeyedTSet[K, V]: ...
    @overload
    def map_to_tuple(
        self, f: Callable[[T, TSetContext], tuple[K, V]], **given: Unpack[Given]
    ) -> KeyedTSet[K, V]: ...
    def map_to_tuple(self, f: Callable[..., Any], **given: Unpack[Given]) -> KeyedTSet[Any, Any]:
        """Give the pair ``(key, value)`` that ``f(x)``, or ``f(x, ctx)``, returns for every element.

        A pair is a tuple of two, or a list of two, which becomes a tuple; anything else, such as a set or a text
        of two, is a TypeError.
        """
        return KeyedTSet(self._session, applied(MAP_TO_TUPLE, self._node, f, given))

    @overload
    def key_by(self, f: Callable[[T], K], **given: Unpack[Given]) -> KeyedTSet[K, T]: ...
    @overload
    def key_by(
        self, f: Callable[[T, TSetContext], K], **given: Unpack[Given]
    ) -> KeyedTSet[K, T]: ...
    def key_by(self, f: Callable[..., Any], **given: Unpack[Given]) -> KeyedTSet[Any, T]:
        """Give the pair ``(f(x), x)`` for every element."""
        return KeyedTSet(self._session, applied(pairwise.KEY_BY, self._node, f, given))

    def zip_with_index(self) -> KeyedTSet[T, int]:
        """Give ``(element, place)``, with the place of each among all elements.

        The places are known when all partitions are; meanwhile they are in memory, unless they are stored.
        """
        return KeyedTSet(self._session, indexed(self._node))

    @overload
    def group_by(self, f: Callable[[T], K], **given: Unpack[Given]) -> KeyedTSet[K, Values[T]]: ...
    @overload
    def group_by(
        self, f: Callable[[T, TSetContext], K], **given: Unpack[Given]
    ) -> KeyedTSet[K, Values[T]]: ...
    def group_by(self, f: Callable[..., Any], **given: Unpack[Given]) -> KeyedTSet[Any, Values[T]]:
        """Group the elements by ``f(x)``, or ``f(x, ctx)``: ``(key, iterator)`` for each key, as `KeyedTSet.keyed_gather`."""
        keyed = applied(pairwise.GROUP_BY, self._node, f, given)
        return KeyedTSet(self._session, Exchange(operator=KEYED_GATHER, inputs=(keyed,)))

    def _plain(self, node: Node) -> TSet[T]:
        return TSet(self._session, node)

    def _like(self, node: Node) -> TSet[T]:
        return TSet(self._session, node)

    def _in_memory(self, node: Stored) -> CachedTSet[T]:
        return CachedTSet(self._session, node)

    def _in_store(self, node: Stored) -> PersistedTSet[T]:
        return PersistedTSet(self._session, node)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            if not name.startswith("_") and hasattr(KeyedTSet, name):
                said = f"{name}() is an operation on pairs, and {self.name} is not a KeyedTSet: {HOW_TO_KEY}"
            else:
                said = f"{type(self).__name__!r} object has no attribute {name!r}"
                if name in ELSEWHERE:
                    said += f": dtset has {ELSEWHERE[name]}"
            raise AttributeError(said, name=name, obj=self)


class KeyedTSet(SamePairs[K, V], PairActions[K, V], TSet[tuple[K, V]], Generic[K, V]):
    """A TSet of ``(key, value)`` pairs: Twister2's ``KeyedTSet``.

    Keys that are equal in Python (``1``, ``1.0``, ``True``), as keys of a ``dict`` are, always meet, in every
    process and on every worker. All NaNs are one key, also as parts of keys, and so are all NaTs. Of equal keys,
    the first stands for all. A key of a type that cannot be hashed the same everywhere, or an element that is not a
    pair, is a TypeError when it is computed.

    Operations that bring keys together take a ``partition_func``, which names the partition that a key goes to (default:
    its hash); a ``key_comparator``, an ``f(a, b)`` that gives a number below, equal to or above 0 if key `a` comes before,
    with or after `b` in each partition (default: an order that is the same everywhere, and no one's); and ``use_disk``,
    whether pairs move through the store whatever their number. What does not fit the memory is read from files.
    """

    _is_keyed = True

    def keyed_gather(
        self,
        partition_func: Partition[K] | None = None,
        key_comparator: Callable[[K, K], int] | None = None,
        use_disk: bool = False,
        **given: Unpack[Given],
    ) -> KeyedTSet[K, Values[V]]:
        """Group the values by key: a pair ``(key, iterator)`` for each key.

        The iterator can be gone through any number of times and has a ``len()``, as PySpark's; what ``next()`` has taken of
        it is no more in it. Values are in the order of the partitions that they came from.

        Examples
        --------
        >>> words = env.parallelize([("a", 1), ("b", 2), ("a", 3)], 2).map_to_tuple(tuple)
        >>> sorted((word, sum(numbers)) for word, numbers in words.keyed_gather().collect())
        [('a', 4), ('b', 2)]
        """
        inputs = (self._node,)
        node = grouping(KEYED_GATHER, inputs, partition_func, key_comparator, use_disk, given)
        return KeyedTSet(self._session, node)

    def cogroup(self, other: KeyedTSet[K, W]) -> KeyedTSet[K, tuple[Values[V], Values[W]]]:
        """Group the values of two keyed TSets: ``(key, (iterator, iterator))`` for each key of either, as PySpark's.

        With as many partitions as this one; an iterator without a value stands for the side that lacks the key.
        """
        inputs = with_right("cogroup()", self, other)
        return KeyedTSet(self._session, Exchange(operator=COGROUP, inputs=inputs))

    def join(
        self,
        right: KeyedTSet[K, W],
        how: str = "inner",
        key_comparator: Callable[[K, K], int] | None = None,
        partition_func: Partition[K] | None = None,
        algorithm: str = "auto",
        use_disk: bool = False,
        **given: Unpack[Given],
    ) -> TSet[JoinedTuple[K, V, W]]:
        """Join the pairs of two keyed TSets whose keys are equal: a ``JoinedTuple(key, left, right)`` for each two.

        With as many partitions as this one; the other may have any number.

        Parameters
        ----------
        how : str
            ``inner``; or ``left``, ``right``, ``outer``: also the pairs of that side, or of both, whose key the
            other lacks, with None in its place.
        algorithm : str
            ``sort``: keys come in their own order in each partition. ``hash``, ``auto``: in that of their hashes.

        Examples
        --------
        >>> ages = env.parallelize({"ann": 31, "bob": 27}, 1)
        >>> towns = env.parallelize({"ann": "Ulm", "eve": "Bonn"}, 2)
        >>> for joined in ages.join(towns, "outer", algorithm="sort").collect():
        ...     print(*joined)
        ann 31 Ulm
        bob 27 None
        eve None Bonn
        """
        inputs = with_right("join()", self, right)
        params = {
            "how": one_of("join()", "how", how, tuple(KEPT_SIDES)),
            "algorithm": one_of("join()", "algorithm", algorithm, ALGORITHMS),
        }
        node = grouping(JOIN, inputs, partition_func, key_comparator, use_disk, given, **params)
        return TSet(self._session, node)

    @overload
    def map_values(self, f: Callable[[V], W], **given: Unpack[Given]) -> KeyedTSet[K, W]: ...
    @overload
    def map_values(
        self, f: Callable[[V, TSetContext], W], **given: Unpack[Given]
    ) -> KeyedTSet[K, W]: ...
    def map_values(self, f: Callable[..., Any], **given: Unpack[Given]) -> KeyedTSet[K, Any]:
        """Give ``(key, f(value))`` for every pair."""
        return KeyedTSet(self._session, applied(pairwise.MAP_VALUES, self._node, f, given))

    def flat_map_values(
        self, f: Callable[[V], Iterable[W]], **given: Unpack[Given]
    ) -> KeyedTSet[K, W]:
        """Give ``(key, x)`` for every x of the iterable that ``f(value)`` returns."""
        return KeyedTSet(self._session, applied(pairwise.FLAT_MAP_VALUES, self._node, f, given))

    def keys(self) -> TSet[K]:
        """Give the key of every pair."""
        return TSet(self._session, Apply(operator=pairwise.KEYS, inputs=(self._node,)))

    def values(self) -> TSet[V]:
        """Give the value of every pair."""
        return TSet(self._session, Apply(operator=pairwise.VALUES, inputs=(self._node,)))

    def aggregate_by_key(
        self, zero: U, f: Callable[[U, V], U], g: Callable[[U, U], U], **given: Unpack[Given]
    ) -> KeyedTSet[K, U]:
        """Aggregate the values of each key: in each partition by ``f(a, value)``, from a fresh copy of `zero` on, and these by ``g(a, b)``.

        Examples
        --------
        >>> pairs = env.parallelize(["a", "b", "ab"], 2).key_by(len)
        >>> sorted(pairs.aggregate_by_key(set(), lambda a, v: a | {*v}, set.union).map_values(sorted).collect())
        [(1, ['a', 'b']), (2, ['a', 'b'])]
        """
        node = aggregated_by_key(self._node, zero, f, g, given)
        return KeyedTSet(self._session, node)

    def _like(self, node: Node) -> KeyedTSet[K, V]:
        return KeyedTSet(self._session, node)

    def _in_memory(self, node: Stored) -> CachedKeyedTSet[K, V]:
        return CachedKeyedTSet(self._session, node)

    def _in_store(self, node: Stored) -> PersistedKeyedTSet[K, V]:
        return PersistedKeyedTSet(self._session, node)


class CachedTSet(InMemory[T], TSet[T]):
    """Elements that are kept in memory: Twister2's ``CachedTSet``."""


class PersistedTSet(InStore[T], TSet[T]):
    """Elements that are committed to the store: Twister2's ``PersistedTSet``.

    A `lazy_persist` is carried out by the first action below it, by ``env.run()``, or by asking for
    one of its properties.
    """


class CachedKeyedTSet(CachedTSet[tuple[K, V]], KeyedTSet[K, V]):
    """Pairs that are kept in memory."""


class PersistedKeyedTSet(PersistedTSet[tuple[K, V]], KeyedTSet[K, V]):
    """Pairs that are committed to the store."""
