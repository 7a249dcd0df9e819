"""TSets: operations that give elements of another type. Classes that give one another, so that they share a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, Unpack, overload

from dtset.errors import ConfigurationError, UsageError
from dtset.operators.batchwise import MAP_BATCHES
from dtset.operators.elementwise import FLAT_MAP, MAP, MAP_TO_TUPLE
from dtset.operators.joins import JOIN, JoinedTuple
from dtset.operators.operator import Step
from dtset.operators.partitionwise import COMPUTE
from dtset.operators.reductions import KEYED_REDUCE
from dtset.plan.attempts import Trying
from dtset.plan.context import TSetContext
from dtset.plan.nodes import Exchange, Node, Stored
from dtset.tset.actions import Actions
from dtset.tset.nodes import applied, exchanged
from dtset.tset.same_type import SameType
from dtset.tset.stored import InMemory, InStore
from dtset.tset.storing import Storing

if TYPE_CHECKING:
    from dtset.io.files import Urls

T = TypeVar("T")
U = TypeVar("U")
K = TypeVar("K")
V = TypeVar("V")
W = TypeVar("W")


class TSet(SameType[T], Storing, Actions[T]):
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
            ``zip(…)``), its elements. After a `reduce`, the first argument is the value itself.

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
        return self._applied(COMPUTE, f, depends_on)

    def map_batches(
        self, f: Callable[..., Any], *, dtype: type | None = None, depends_on: Urls | None = None
    ) -> TSet[Any]:
        """Give the elements that ``f`` makes of NumPy arrays of elements.

        Ints arrive as int64, floats as float64, bools as bool, texts as ``StringDType``; tuples as a tuple of
        arrays, not to be written to. Where the elements are columns already, no Python object is made for each. A
        partition may be cut into batches anywhere: `f` must not depend on it.

        Parameters
        ----------
        f : callable
            ``f(batch)`` or ``f(batch, ctx)``, of a 1-dimensional array or a tuple of such of one length; returns the
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


class KeyedTSet(TSet[tuple[K, V]], Generic[K, V]):
    """A TSet of ``(key, value)`` pairs: Twister2's ``KeyedTSet``.

    Keys that are equal in Python (``1``, ``1.0``, ``True``), as keys of a ``dict`` are, always meet, in every
    process and on every worker. All NaNs are one key, also as parts of keys, and so are all NaTs. Of equal keys,
    the first stands for all. A key of a type that cannot be hashed the same everywhere, or an element that is not a
    pair, is a TypeError when it is computed.
    """

    _is_keyed = True

    def keyed_reduce(
        self, f: Callable[[V, V], V], *, depends_on: Urls | None = None
    ) -> KeyedTSet[K, V]:
        """Reduce the values of each key, in each partition first, by an associative ``f(a, b)``: one pair a key.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-keyed") as env:
        ...     words = env.parallelize(["a", "b", "a"], 2).map_to_tuple(lambda word: (word, 1))
        ...     sorted(words.keyed_reduce(lambda a, b: a + b).collect())
        [('a', 2), ('b', 1)]
        """
        node = exchanged(KEYED_REDUCE, self._node, self.parallelism, f, depends_on)
        return KeyedTSet(self._session, node)

    def join(self, right: KeyedTSet[K, W]) -> TSet[JoinedTuple[K, V, W]]:
        """Join the pairs of two keyed TSets whose keys are equal: a ``JoinedTuple(key, left, right)`` for each two.

        With as many partitions as this one; what is sent to a partition from the right is held in memory.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-join") as env:
        ...     ages = env.parallelize({"ann": 31, "bob": 27}, 2)
        ...     ages.join(env.parallelize({"ann": "Ulm", "eve": "Bonn"}, 1)).collect()
        [JoinedTuple(key='ann', left=31, right='Ulm')]
        """
        if not isinstance(right, KeyedTSet):
            raise UsageError(
                f"join() takes a KeyedTSet, and was given {right!r}: call map_to_tuple(f) on it first, with an f that "
                "gives (key, value)"
            )
        self._session.check_own(right, right._session)
        return TSet(self._session, Exchange(operator=JOIN, inputs=(self._node, right._node)))

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
