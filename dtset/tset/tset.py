"""TSets: operations that give elements of another type. Classes that give one another, so that they share a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, Unpack, overload

from dtset.errors import ConfigurationError, UsageError
from dtset.io.function_files import function_files
from dtset.operators.aggregates import ZERO, zero_of
from dtset.operators.batchwise import MAP_BATCHES
from dtset.operators.by_key import AGGREGATE_BY_KEY, MERGE
from dtset.operators.elementwise import FLAT_MAP, MAP, MAP_TO_TUPLE
from dtset.operators.gathering import COGROUP, KEYED_GATHER
from dtset.operators.joins import ALGORITHMS, JOIN, KEPT_SIDES, JoinedTuple
from dtset.operators.kernels.ranking import COMPARATOR
from dtset.operators.links import GATHER, with_sources
from dtset.operators.operator import Step, function_of
from dtset.operators.pairwise import (
    FLAT_MAP_VALUES,
    GROUP_BY,
    KEY,
    KEY_BY,
    KEYS,
    LOOKUP,
    MAP_VALUES,
    VALUES,
)
from dtset.operators.partitioning import PARTITION_FUNCTION
from dtset.operators.partitionwise import COMPUTE, COMPUTE_TO_TUPLE
from dtset.operators.places import LENGTH, STARTS, ZIP_WITH_INDEX
from dtset.plan.attempts import Trying
from dtset.plan.context import TSetContext
from dtset.plan.nodes import Apply, Exchange, Node, Stored, Zip
from dtset.session.arguments import a_boolean
from dtset.tset.actions import Actions
from dtset.tset.aggregations import Aggregations
from dtset.tset.checks import one_of
from dtset.tset.exports import Exports
from dtset.tset.nodes import Partition, applied, keyed_exchange
from dtset.tset.same_pairs import SamePairs
from dtset.tset.same_type import SameType
from dtset.tset.stored import InMemory, InStore
from dtset.tset.storing import Storing
from dtset.tset.writing import Writers

if TYPE_CHECKING:
    from dtset.io.files import Urls

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
    >>> from dtset import TSetEnvironment
    >>> env = TSetEnvironment(cluster="synchronous", store="memory://doctest-tset")
    >>> env.range(6, parallelism=2).map(lambda i: i * i).filter(lambda i: i % 2 == 0).collect()
    [0, 4, 16]
    >>> env.close()
    """

    @overload
    def map(
        self,
        f: Callable[[T], Awaitable[U]],
        *,
        depends_on: Urls | None = ...,
        **trying: Unpack[Trying],
    ) -> TSet[U]: ...
    @overload
    def map(
        self,
        f: Callable[[T, TSetContext], Awaitable[U]],
        *,
        depends_on: Urls | None = ...,
        **trying: Unpack[Trying],
    ) -> TSet[U]: ...
    @overload
    def map(
        self, f: Callable[[T], U], *, depends_on: Urls | None = ..., **trying: Unpack[Trying]
    ) -> TSet[U]: ...
    @overload
    def map(
        self,
        f: Callable[[T, TSetContext], U],
        *,
        depends_on: Urls | None = ...,
        **trying: Unpack[Trying],
    ) -> TSet[U]: ...
    def map(
        self, f: Callable[..., Any], *, depends_on: Urls | None = None, **trying: Unpack[Trying]
    ) -> TSet[Any]:
        """Give ``f(x)``, or ``f(x, ctx)``, for every element.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-map") as env:
        ...     env.parallelize(["1", "2"], 2).map(int).collect()
        [1, 2]
        """
        return self._applied(MAP, f, depends_on, trying)

    @overload
    def flat_map(
        self,
        f: Callable[[T], Iterable[U]]
        | Callable[[T], Awaitable[Iterable[U]]]
        | Callable[[T], AsyncIterator[U]],
        *,
        depends_on: Urls | None = ...,
        **trying: Unpack[Trying],
    ) -> TSet[U]: ...
    @overload
    def flat_map(
        self,
        f: Callable[[T, Any], object],
        *,
        depends_on: Urls | None = ...,
        **trying: Unpack[Trying],
    ) -> TSet[Any]: ...
    def flat_map(
        self, f: Callable[..., Any], *, depends_on: Urls | None = None, **trying: Unpack[Trying]
    ) -> TSet[Any]:
        """Give all elements of every ``f(x)``, or those that ``f(x, collector)`` passes to ``collector.collect``.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-flat-map") as env:
        ...     env.parallelize(["a b", "c"], 1).flat_map(str.split).collect()
        ['a', 'b', 'c']
        """
        return self._applied(FLAT_MAP, f, depends_on, trying)

    @overload
    def compute(
        self, f: Callable[[Iterator[T], TSetContext], Iterator[U]], *, depends_on: Urls | None = ...
    ) -> TSet[U]: ...
    @overload
    def compute(
        self, f: Callable[[Iterator[T], TSetContext], U], *, depends_on: Urls | None = ...
    ) -> TSet[U]: ...
    @overload
    def compute(
        self, f: Callable[[T, TSetContext], Iterator[U]], *, depends_on: Urls | None = ...
    ) -> TSet[U]: ...
    @overload
    def compute(
        self, f: Callable[[T, TSetContext], U], *, depends_on: Urls | None = ...
    ) -> TSet[U]: ...
    @overload
    def compute(
        self,
        f: Callable[[Iterator[T], Any, TSetContext], object]
        | Callable[[T, Any, TSetContext], object],
        *,
        depends_on: Urls | None = ...,
    ) -> TSet[Any]: ...
    def compute(
        self, f: Callable[..., Any] | None = None, *, depends_on: Urls | None = None
    ) -> TSet[Any]:
        """Compute from whole partitions.

        Parameters
        ----------
        f : callable
            ``f(itr, collector, ctx)`` pushes elements with ``collector.collect(x)``; ``f(itr, ctx)``
            returns one value for the partition or, as an iterator of any kind (a generator, ``map(…)``,
            ``zip(…)``), its elements. After a `reduce` or `all_reduce`, the first argument is the value itself;
            after a `gather` or `all_gather` an iterator over ``(source_index, value)``.

        Raises
        ------
        UsageError
            There is no function: what computes a TSet and returns its elements is `collect`.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> def double(itr, collector, ctx):
        ...     for i in itr:
        ...         collector.collect(2 * i)
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-compute") as env:
        ...     env.range(3, parallelism=1).compute(double).collect()
        [0, 2, 4]
        """
        if f is None:
            raise UsageError(
                "compute() takes a function of whole partitions; to compute this TSet and get its elements, "
                "call collect()"
            )
        return TSet(self._session, applied(COMPUTE, with_sources(self._node), f, depends_on))

    def compute_to_tuple(
        self, f: Callable[..., Any], *, depends_on: Urls | None = None
    ) -> KeyedTSet[Any, Any]:
        """Compute pairs ``(key, value)`` from whole partitions: as `compute`, and what it gives are pairs."""
        node = applied(COMPUTE_TO_TUPLE, with_sources(self._node), f, depends_on)
        return KeyedTSet(self._session, node)

    def map_batches(
        self, f: Callable[..., Any], *, dtype: type | None = None, depends_on: Urls | None = None
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
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-batches") as env:
        ...     env.range(4, parallelism=2).map_batches(lambda batch: batch * 2.5).collect()
        [0.0, 2.5, 5.0, 7.5]
        """
        if dtype not in (None, object):
            raise ConfigurationError(
                f"map_batches() takes dtype=object or none, and was given {dtype!r}"
            )
        as_objects = dtype is object
        node = applied(MAP_BATCHES, self._node, f, depends_on, as_objects=as_objects)
        return TSet(self._session, node)

    @overload
    def map_to_tuple(
        self, f: Callable[[T], tuple[K, V]], *, depends_on: Urls | None = ...
    ) -> KeyedTSet[K, V]: ...
    @overload
    def map_to_tuple(
        self, f: Callable[[T, TSetContext], tuple[K, V]], *, depends_on: Urls | None = ...
    ) -> KeyedTSet[K, V]: ...
    def map_to_tuple(
        self, f: Callable[..., Any], *, depends_on: Urls | None = None
    ) -> KeyedTSet[Any, Any]:
        """Give the pair ``(key, value)`` that ``f(x)``, or ``f(x, ctx)``, returns for every element.

        A pair is a tuple of two, or a list of two, which becomes a tuple; anything else, such as a set or a text
        of two, is a TypeError.
        """
        return KeyedTSet(self._session, applied(MAP_TO_TUPLE, self._node, f, depends_on))

    @overload
    def key_by(self, f: Callable[[T], K], *, depends_on: Urls | None = ...) -> KeyedTSet[K, T]: ...
    @overload
    def key_by(
        self, f: Callable[[T, TSetContext], K], *, depends_on: Urls | None = ...
    ) -> KeyedTSet[K, T]: ...
    def key_by(self, f: Callable[..., Any], *, depends_on: Urls | None = None) -> KeyedTSet[Any, T]:
        """Give the pair ``(f(x), x)`` for every element."""
        return KeyedTSet(self._session, applied(KEY_BY, self._node, f, depends_on))

    def zip_with_index(self) -> KeyedTSet[T, int]:
        """Give ``(element, place)``, with the place of each among all elements.

        The places are known when all partitions are; meanwhile they are in memory, unless they are stored.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-index") as env:
        ...     env.parallelize("abc", 2).zip_with_index().collect()
        [('a', 0), ('b', 1), ('c', 2)]
        """
        length = Apply(operator=LENGTH, inputs=(self._node,))
        lengths = Exchange(operator=GATHER, inputs=(length,), parallelism=1)
        starts = Exchange(operator=STARTS, inputs=(lengths,), parallelism=self.parallelism)
        return KeyedTSet(self._session, Zip(operator=ZIP_WITH_INDEX, inputs=(self._node, starts)))

    @overload
    def group_by(
        self, f: Callable[[T], K], *, depends_on: Urls | None = ...
    ) -> KeyedTSet[K, Iterator[T]]: ...
    @overload
    def group_by(
        self, f: Callable[[T, TSetContext], K], *, depends_on: Urls | None = ...
    ) -> KeyedTSet[K, Iterator[T]]: ...
    def group_by(
        self, f: Callable[..., Any], *, depends_on: Urls | None = None
    ) -> KeyedTSet[Any, Iterator[T]]:
        """Group the elements by ``f(x)``, or ``f(x, ctx)``: ``(key, iterator)`` for each key, as `KeyedTSet.keyed_gather`.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-group-by") as env:
        ...     groups = env.range(5, parallelism=2).group_by(lambda i: i % 2)
        ...     sorted((key, list(numbers)) for key, numbers in groups.collect())
        [(0, [0, 2, 4]), (1, [1, 3])]
        """
        keyed = applied(GROUP_BY, self._node, f, depends_on)
        return KeyedTSet(self._session, Exchange(operator=KEYED_GATHER, inputs=(keyed,)))

    def _applied(
        self,
        operator: Step,
        f: Callable[..., Any],
        files: Urls | None,
        trying: Trying | None = None,
    ) -> TSet[Any]:
        return TSet(self._session, applied(operator, self._node, f, files, trying))

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
                raise AttributeError(
                    f"{name}() is an operation on pairs, and {self.name} is not a KeyedTSet: call map_to_tuple(f) before, "
                    "with an f that gives (key, value)",
                    name=name,
                    obj=self,
                )
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
            )


class KeyedTSet(SamePairs[K, V], TSet[tuple[K, V]], Generic[K, V]):
    """A TSet of ``(key, value)`` pairs: Twister2's ``KeyedTSet``.

    Keys that are equal in Python (``1``, ``1.0``, ``True``), as keys of a ``dict`` are, always meet, in every
    process and on every worker. All NaNs are one key, also as parts of keys, and so are all NaTs. Of equal keys,
    the first stands for all. A key of a type that cannot be hashed the same everywhere, or an element that is not a
    pair, is a TypeError when it is computed.
    """

    _is_keyed = True

    def keyed_gather(
        self,
        partition_func: Partition[K] | None = None,
        key_comparator: Callable[[K, K], int] | None = None,
        use_disk: bool = False,
        *,
        depends_on: Urls | None = None,
    ) -> KeyedTSet[K, Iterator[V]]:
        """Group the values by key: a pair ``(key, iterator)`` for each key.

        The iterator can be gone through once; in what is collected, cached or persisted it is what was left of it.
        Values are in the order of the partitions that they came from. Groups that do not fit the memory are read
        from files.

        Parameters
        ----------
        partition_func : PartitionFunc or callable, optional
            Names the partition that a key goes to. Default: its hash.
        key_comparator : callable, optional
            ``f(a, b)``: a number below, equal to or above 0 if key `a` comes before, with or after `b` in each
            partition. Default: in an order that is the same everywhere, and no one's.
        use_disk : bool
            Whether pairs move through the store, whatever their number.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-gather") as env:
        ...     words = env.parallelize([("a", 1), ("b", 2), ("a", 3)], 2).map_to_tuple(tuple)
        ...     sorted((word, sum(numbers)) for word, numbers in words.keyed_gather().collect())
        [('a', 4), ('b', 2)]
        """
        given = {PARTITION_FUNCTION: partition_func, COMPARATOR: key_comparator}
        node = keyed_exchange(
            KEYED_GATHER,
            (self._node,),
            self.parallelism,
            given,
            depends_on,
            use_disk=a_boolean("use_disk", use_disk),
        )
        return KeyedTSet(self._session, node)

    def cogroup(self, other: KeyedTSet[K, W]) -> KeyedTSet[K, tuple[Iterator[V], Iterator[W]]]:
        """Group the values of two keyed TSets: ``(key, (iterator, iterator))`` for each key of either, as PySpark's.

        With as many partitions as this one; an iterator without a value stands for the side that lacks the key.
        """
        inputs = self._with_right("cogroup()", other)
        return KeyedTSet(self._session, Exchange(operator=COGROUP, inputs=inputs))

    def join(
        self,
        right: KeyedTSet[K, W],
        how: str = "inner",
        key_comparator: Callable[[K, K], int] | None = None,
        partition_func: Partition[K] | None = None,
        algorithm: str = "auto",
        use_disk: bool = False,
        *,
        depends_on: Urls | None = None,
    ) -> TSet[JoinedTuple[K, V, W]]:
        """Join the pairs of two keyed TSets whose keys are equal: a ``JoinedTuple(key, left, right)`` for each two.

        With as many partitions as this one. What does not fit the memory is read from files.

        Parameters
        ----------
        right : KeyedTSet
            The other one, with any number of partitions.
        how : str
            ``inner``; or ``left``, ``right``, ``outer``: also the pairs of that side, or of both, whose key the
            other lacks, with None in its place.
        key_comparator : callable, optional
            ``f(a, b)``: a number below, equal to or above 0 if key `a` comes before, with or after `b`: keys come in
            that order in each partition.
        partition_func : PartitionFunc or callable, optional
            Names the partition that a key goes to. Default: its hash.
        algorithm : str
            ``sort``: keys come in their own order in each partition. ``hash``, ``auto``: in that of their hashes.
        use_disk : bool
            Whether pairs move through the store, whatever their number.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-join") as env:
        ...     ages = env.parallelize({"ann": 31, "bob": 27}, 1)
        ...     towns = env.parallelize({"ann": "Ulm", "eve": "Bonn"}, 2)
        ...     for joined in ages.join(towns, "outer", algorithm="sort").collect():
        ...         print(*joined)
        ann 31 Ulm
        bob 27 None
        eve None Bonn
        """
        given = {PARTITION_FUNCTION: partition_func, COMPARATOR: key_comparator}
        node = keyed_exchange(
            JOIN,
            self._with_right("join()", right),
            self.parallelism,
            given,
            depends_on,
            how=one_of("join()", "how", how, tuple(KEPT_SIDES)),
            algorithm=one_of("join()", "algorithm", algorithm, ALGORITHMS),
            use_disk=a_boolean("use_disk", use_disk),
        )
        return TSet(self._session, node)

    def _with_right(self, said: str, right: object) -> tuple[Node, Node]:
        """Return the nodes of this one and of another one that has keys too."""
        if not isinstance(right, KeyedTSet):
            raise UsageError(
                f"{said} takes a KeyedTSet, and was given {right!r}: call map_to_tuple(f) on it first, with an f that "
                "gives (key, value)"
            )
        self._session.check_own(right, right._session)
        return self._node, right._node

    @overload
    def map_values(
        self, f: Callable[[V], W], *, depends_on: Urls | None = ...
    ) -> KeyedTSet[K, W]: ...
    @overload
    def map_values(
        self, f: Callable[[V, TSetContext], W], *, depends_on: Urls | None = ...
    ) -> KeyedTSet[K, W]: ...
    def map_values(
        self, f: Callable[..., Any], *, depends_on: Urls | None = None
    ) -> KeyedTSet[K, Any]:
        """Give ``(key, f(value))`` for every pair."""
        return KeyedTSet(self._session, applied(MAP_VALUES, self._node, f, depends_on))

    def flat_map_values(
        self, f: Callable[[V], Iterable[W]], *, depends_on: Urls | None = None
    ) -> KeyedTSet[K, W]:
        """Give ``(key, x)`` for every x of the iterable that ``f(value)`` returns."""
        return KeyedTSet(self._session, applied(FLAT_MAP_VALUES, self._node, f, depends_on))

    def keys(self) -> TSet[K]:
        """Give the key of every pair."""
        return TSet(self._session, Apply(operator=KEYS, inputs=(self._node,)))

    def values(self) -> TSet[V]:
        """Give the value of every pair."""
        return TSet(self._session, Apply(operator=VALUES, inputs=(self._node,)))

    def aggregate_by_key(
        self,
        zero: U,
        f: Callable[[U, V], U],
        g: Callable[[U, U], U],
        *,
        depends_on: Urls | None = None,
    ) -> KeyedTSet[K, U]:
        """Aggregate the values of each key: in each partition by ``f(a, value)``, from a fresh copy of `zero` on, and these by ``g(a, b)``.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-aggregate") as env:
        ...     pairs = env.parallelize(["a", "b", "ab"], 2).key_by(len)
        ...     sorted(pairs.aggregate_by_key(set(), lambda a, v: a | {*v}, set.union).map_values(sorted).collect())
        [(1, ['a', 'b']), (2, ['a', 'b'])]
        """
        functions = {
            ZERO: zero_of(zero),
            **function_of(AGGREGATE_BY_KEY, f),
            **function_of(AGGREGATE_BY_KEY, g, MERGE),
        }
        node = Exchange(
            operator=AGGREGATE_BY_KEY,
            inputs=(self._node,),
            functions=functions,
            files=function_files(depends_on),
        )
        return KeyedTSet(self._session, node)

    def lookup(self, key: K) -> list[V]:
        """Compute the values of a key."""
        functions = {KEY: zero_of(key)}
        node = Apply(operator=LOOKUP, inputs=(self._node,), functions=functions)
        return list(self._session.elements(node))

    def collect_as_map(self) -> dict[K, V]:
        """Compute a dict of all pairs; of a key that occurs again, the last value counts."""
        return dict(self.collect())

    def count_by_key(self) -> Counter[K]:
        """Count the pairs of each key."""
        return self.keys().count_by_value()

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
