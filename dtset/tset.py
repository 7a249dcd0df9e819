"""TSets: the fluent surface over plan nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

from dtset.arguments import a_number
from dtset.errors import ConfigurationError, EmptyTSetError, UsageError
from dtset.io.function_files import function_files
from dtset.operators.actions import FOR_EACH
from dtset.operators.batchwise import MAP_BATCHES
from dtset.operators.elementwise import FILTER, FLAT_MAP, MAP, MAP_TO_TUPLE
from dtset.operators.joins import JOIN
from dtset.operators.links import DIRECT, PIPE
from dtset.operators.operator import Action, Mover, Step, function_of
from dtset.operators.partitioning import PARTITION
from dtset.operators.partitionwise import COMPUTE, SINK
from dtset.operators.reductions import KEYED_REDUCE, REDUCE
from dtset.operators.unions import UNION
from dtset.plan.nodes import Apply, Exchange, Node, Stored, Zip, snapshot_of_sides
from dtset.plan.user_function import UserFunction

if TYPE_CHECKING:
    from dtset.environment import TSetEnvironment
    from dtset.execution.at_hand import Persisted
    from dtset.io.files import Urls

__all__ = ["CachedTSet", "KeyedTSet", "LazyAction", "PersistedKeyedTSet", "PersistedTSet", "TSet"]

_T = TypeVar("_T", bound="TSet")


def _sees_ctx(function: UserFunction) -> bool:
    """Whether a function is passed a `TSetContext`: also a source object's ``prepare`` is."""
    return function.takes_ctx or hasattr(function.function, "prepare")


def _check_name(said: str, name: object) -> None:
    """Make sure that a name can be shown anywhere."""
    if not isinstance(name, str) or not name or not name.isprintable():
        raise ConfigurationError(
            f"{said} takes a name of printable characters, and was given {name!r}"
        )


class TSet:
    """Elements in partitions, computed when an action wants them.

    Made by the sources of a `TSetEnvironment` and by the operations here. Operations give new TSets and
    compute nothing; actions (`collect`, `count`, `for_each`, …), `cache` and `persist` compute. This is
    Twister2's ``TSet``.

    Examples
    --------
    >>> from dtset import TSetEnvironment
    >>> env = TSetEnvironment(cluster="synchronous", store="memory://doctest-tset")
    >>> env.range(6, parallelism=2).map(lambda i: i * i).filter(lambda i: i % 2 == 0).collect()
    [0, 4, 16]
    >>> env.close()
    """

    def __init__(self, env: TSetEnvironment, node: Node) -> None:
        self._env = env
        self._node = node

    # What it is ---------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """Label of the TSet in this process."""
        return f"{self._node.operator.name}-{self._node.mark.number}"

    @property
    def name(self) -> str:
        """The name given with `set_name`, else that of the operator."""
        return self._node.name or self._node.operator.name

    @property
    def parallelism(self) -> int:
        """Number of partitions."""
        return self._node.parallelism

    def set_name(self, name: str) -> Self:
        """Give the TSet a name: shown in messages, and seen by its function as ``ctx.name``.

        Parameters
        ----------
        name : str

        Returns
        -------
        TSet
            This one.
        """
        _check_name("set_name()", name)
        self._node = replace(self._node, name=name)
        return self

    # Operations ---------------------------------------------------------------------------------

    def direct(self) -> Self:
        """Link each partition to the one of the same number: changes nothing (Twister2's link)."""
        return self._linked(DIRECT)

    def pipe(self) -> Self:
        """Link each partition to the one of the same number: changes nothing (Twister2's link)."""
        return self._linked(PIPE)

    def map(self, f: Callable[..., Any], *, depends_on: Urls | None = None) -> TSet:
        """Give ``f(x)`` for every element.

        Parameters
        ----------
        f : callable
            ``f(x)`` or ``f(x, ctx)``.
        depends_on : path or sequence of path, optional
            Files that `f` reads by itself, as paths, fsspec URLs or globs: what they are counts for what is
            found again.

        Returns
        -------
        TSet
            With as many partitions.

        Raises
        ------
        UsageError
            `f` cannot be called so.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-map") as env:
        ...     env.parallelize(["1", "2"], 2).map(int).collect()
        [1, 2]
        """
        return self._transformed(MAP, f, depends_on)

    def filter(self, f: Callable[..., Any], *, depends_on: Urls | None = None) -> Self:
        """Keep the elements for which ``f(x)`` is true.

        Parameters
        ----------
        f : callable
            ``f(x)`` or ``f(x, ctx)``.
        depends_on : path or sequence of path, optional
            Files that `f` reads by itself, as paths, fsspec URLs or globs: what they are counts for what is
            found again.

        Returns
        -------
        TSet
            With as many partitions; keyed if this one is.
        """
        return self._like(self._transform(FILTER, f, depends_on))

    def flat_map(self, f: Callable[..., Any], *, depends_on: Urls | None = None) -> TSet:
        """Give all elements of every ``f(x)``.

        Parameters
        ----------
        f : callable
            ``f(x)`` returning an iterable, or ``f(x, collector)`` calling ``collector.collect(y)``.
        depends_on : path or sequence of path, optional
            As of `map`.

        Returns
        -------
        TSet
            With as many partitions.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-flat-map") as env:
        ...     env.parallelize(["a b", "c"], 1).flat_map(str.split).collect()
        ['a', 'b', 'c']
        """
        return self._transformed(FLAT_MAP, f, depends_on)

    def compute(
        self, f: Callable[..., Any] | None = None, *, depends_on: Urls | None = None
    ) -> TSet:
        """Compute from whole partitions.

        Parameters
        ----------
        f : callable
            ``f(itr, collector, ctx)`` pushes elements with ``collector.collect(x)``; ``f(itr, ctx)``
            returns one value for the partition or, as an iterator of any kind (a generator, ``map(…)``,
            ``zip(…)``), its elements. After a `reduce`, the first argument is the value itself.
        depends_on : path or sequence of path, optional
            As of `map`.

        Returns
        -------
        TSet
            With as many partitions.

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
        return self._transformed(COMPUTE, f, depends_on)

    def map_batches(
        self, f: Callable[..., Any], *, dtype: type | None = None, depends_on: Urls | None = None
    ) -> TSet:
        """Give the elements that ``f`` makes of NumPy arrays of elements.

        Ints arrive as int64, floats as float64, bools as bool, texts as ``StringDType``; tuples as a tuple of
        arrays. Where the elements are columns already, no Python object is made for each. A partition may be
        cut into batches anywhere: `f` must not depend on it.

        Parameters
        ----------
        f : callable
            ``f(batch)`` or ``f(batch, ctx)``, of a 1-dimensional array or a tuple of such of one length; returns the
            like, of any length. Rows of an array with more dimensions are arrays.
        dtype : type, optional
            ``object``: elements of any kind arrive as they are, in an array of objects.
        depends_on : path or sequence of path, optional
            As of `map`.

        Returns
        -------
        TSet
            With as many partitions. Elements are of Python's own types where NumPy's dtype is, else NumPy's scalars.

        Raises
        ------
        TypeError
            When it is computed: a batch has elements of several kinds, None, or ints beyond 64 bits.

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
        node = self._transform(MAP_BATCHES, f, depends_on, as_objects=as_objects)
        return TSet(self._env, node)

    def map_to_tuple(self, f: Callable[..., Any], *, depends_on: Urls | None = None) -> KeyedTSet:
        """Give the pair ``(key, value)`` that ``f(x)`` returns for every element.

        Parameters
        ----------
        f : callable
            ``f(x)`` or ``f(x, ctx)``. A pair is a tuple of two, or a list of two, which becomes a tuple; anything
            else, such as a set or a text of two, is a TypeError.
        depends_on : path or sequence of path, optional
            Files that `f` reads by itself, as paths, fsspec URLs or globs: what they are counts for what is
            found again.

        Returns
        -------
        KeyedTSet
            With as many partitions.
        """
        return KeyedTSet(self._env, self._transform(MAP_TO_TUPLE, f, depends_on))

    def reduce(self, f: Callable[[Any, Any], Any], *, depends_on: Urls | None = None) -> TSet:
        """Reduce all elements to one value.

        Parameters
        ----------
        f : callable
            ``f(a, b)``, associative. Partitions are reduced first, then their values in the order of the
            partitions.
        depends_on : path or sequence of path, optional
            As of `map`.

        Returns
        -------
        TSet
            With one partition that holds the value.

        Raises
        ------
        EmptyTSetError
            When it is computed: there are no elements.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-reduce") as env:
        ...     env.range(5).reduce(lambda a, b: a + b).first()
        10
        """
        return TSet(self._env, self._exchange(REDUCE, f, 1, depends_on))

    def partition(
        self,
        f: Callable[[Any], int],
        parallelism: int | None = None,
        *,
        depends_on: Urls | None = None,
    ) -> Self:
        """Move every element to the partition that ``f(x)`` names.

        Parameters
        ----------
        f : callable
            ``f(x) -> int``, from 0 to below the number of partitions.
        parallelism : int, optional
            Number of partitions. Default: as many as there are.
        depends_on : path or sequence of path, optional
            As of `map`.

        Returns
        -------
        TSet
            Elements of a partition are in the order of the partitions that they came from; keyed if this one is.

        Raises
        ------
        TypeError, UsageError
            When it is computed: ``f(x)`` is not an int, or there is no such partition.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-partition") as env:
        ...     env.range(6, parallelism=3).partition(lambda i: i % 2, 2).collect()
        [0, 2, 4, 1, 3, 5]
        """
        number = self.parallelism if parallelism is None else a_number(parallelism, least=1)
        if number is None:
            raise ConfigurationError(
                f"partition() takes a number of partitions from 1 on, and was given {parallelism!r}"
            )
        return self._like(self._exchange(PARTITION, f, number, depends_on))

    def union(self, other: TSet | Sequence[TSet]) -> TSet:
        """Put partitions of several TSets together, those of the same number.

        Parameters
        ----------
        other : TSet or sequence of TSet
            With as many partitions as this one.

        Returns
        -------
        TSet
            With as many partitions: in each, the elements of this one's, then those of the others'; keyed if all are.

        Raises
        ------
        ConfigurationError
            One has another number of partitions.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-union") as env:
        ...     env.range(4, parallelism=2).union(env.parallelize("ab", 2)).collect()
        [0, 1, 'a', 2, 3, 'b']
        """
        others = [other] if isinstance(other, TSet) else list(other)
        for tset in others:
            if not isinstance(tset, TSet):
                raise UsageError(
                    f"union() takes a TSet, or a sequence of such, and was given {tset!r}"
                )
            self._env._check_own(tset)
            if tset.parallelism != self.parallelism:
                raise ConfigurationError(
                    f"union() puts partitions of the same number together: {self.name} has {self.parallelism} partitions "
                    f"and {tset.name} has {tset.parallelism}. Give their sources the same parallelism="
                )
        node = Zip(
            operator=UNION,
            inputs=(self._node, *(tset._node for tset in others)),
            parallelism=self.parallelism,
        )
        are_keyed = all(isinstance(tset, KeyedTSet) for tset in others)
        return self._like(node) if are_keyed else TSet(self._env, node)

    def add_input(self, name: str, stored: CachedTSet | PersistedTSet) -> Self:
        """Let the function see cached or persisted elements, as ``ctx.get_input(name)``.

        Bound late, as in Twister2: what is bound to the name when an action runs, or when a cache or a persist is
        made, counts; so a loop may bind it anew.

        Parameters
        ----------
        name : str
            What the function asks for.
        stored : CachedTSet or PersistedTSet
            With as many partitions as this one, of which each sees the one of its number; or with one partition,
            which all see.

        Returns
        -------
        TSet
            This one.

        Raises
        ------
        UsageError
            The function takes no ``ctx``, or the elements are not stored.
        ConfigurationError
            It has another number of partitions.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-input") as env:
        ...     limit = env.parallelize([3], 1).cache()
        ...     small = env.range(6, parallelism=2).filter(lambda i, ctx: i < ctx.get_input("limit").first())
        ...     small.add_input("limit", limit).collect()
        [0, 1, 2]
        """
        _check_name("add_input()", name)
        node = self._node
        if isinstance(node, Stored) or not any(map(_sees_ctx, node.functions.values())):
            raise UsageError(
                f"add_input({name!r}) of {self.name}, whose function takes no ctx and could not ask for it: call it on "
                "the result of an operation with a function f(x, ctx) or f(itr, ctx)"
            )
        if not isinstance(stored, CachedTSet | PersistedTSet):
            raise UsageError(
                f"add_input({name!r}) takes cached or persisted elements, and was given {stored!r}: call its cache() or "
                "persist() first"
            )
        self._env._check_own(stored)
        if stored.parallelism not in (1, self.parallelism):
            raise ConfigurationError(
                f"add_input({name!r}): {stored.name} has {stored.parallelism} partitions and {self.name} has "
                f"{self.parallelism}: give one as many as the other, or one partition"
            )
        node.sides[name] = stored._node
        return self

    # Actions ------------------------------------------------------------------------------------

    def for_each(self, f: Callable[..., Any]) -> None:
        """Call a function on every element, for its effect.

        At least once per partition: one that was lost with its worker is visited again. What is
        printed reaches the driver's stdout, once per successful attempt.

        Parameters
        ----------
        f : callable
            ``f(x)`` or ``f(x, ctx)``.
        """
        self._env._visit(self._node, FOR_EACH, function_of(FOR_EACH, f))

    def lazy_for_each(self, f: Callable[..., Any]) -> LazyAction:
        """Prepare `for_each`; ``env.run()`` carries it out."""
        return self._visit(FOR_EACH, f)

    def sink(self, f: Callable[..., Any]) -> None:
        """Call a function on every partition, for its effect.

        At least once per partition: one that was lost with its worker is visited again.

        Parameters
        ----------
        f : callable
            ``f(itr)`` or ``f(itr, ctx)``.
        """
        self._env._visit(self._node, SINK, function_of(SINK, f))

    def lazy_sink(self, f: Callable[..., Any]) -> LazyAction:
        """Prepare `sink`; ``env.run()`` carries it out."""
        return self._visit(SINK, f)

    def collect(self) -> list[Any]:
        """Compute all elements.

        Returns
        -------
        list
            In the order of the partitions.
        """
        return list(self._env._elements(self._node))

    def first(self) -> Any:
        """Compute the first element, from the first partition and then from ever more at once.

        Raises
        ------
        EmptyTSetError
            There is none.
        """
        found = self.take(1)
        if not found:
            raise EmptyTSetError(f"first() of {self.name}, which has no elements; take(1) gives []")
        return found[0]

    def take(self, n: int) -> list[Any]:
        """Compute the first elements, from the first partition and then from ever more at once.

        Parameters
        ----------
        n : int
            How many, at the most.

        Returns
        -------
        list
        """
        number = a_number(n, least=0)
        if number is None:
            raise ConfigurationError(
                f"take() takes a number of elements from 0 on, and was given {n!r}"
            )
        return self._env._take(self._node, number)

    def count(self) -> int:
        """Compute the number of elements.

        Returns
        -------
        int
        """
        return self._env._count(self._node)

    # Storing ------------------------------------------------------------------------------------

    def cache(self) -> CachedTSet:
        """Compute the elements now, and keep them in memory (a cluster's, on a cluster).

        Unlike Spark's, at once. `lazy_cache` waits until an action or ``env.run()`` wants it.

        Returns
        -------
        CachedTSet
            A source for anything else. Its memory is freed when it is no longer referred to, or with
            `CachedTSet.unpersist`.
        """
        return self._env._now(self.lazy_cache())

    def lazy_cache(self) -> CachedTSet:
        """Prepare `cache`; the first action below it, or ``env.run()``, carries it out."""
        node = Stored(
            durable=False,
            inputs=(snapshot_of_sides(self._node),),
            parallelism=self.parallelism,
        )
        return self._env._pending(self._cached_class(self._env, node))

    def persist(self, name: str | None = None, refresh: bool = False) -> PersistedTSet:
        """Compute the elements now and commit them to the store, unless they are there.

        With checkpointing, a job that is started again with its ID finds what an unchanged program
        committed, in about the time of one small read. If an earlier run died in the middle, only
        the partitions that it had not committed are computed.

        Parameters
        ----------
        name : str, optional
            What listings and messages call it. Default: the last operator and its function.
        refresh : bool
            Whether to compute although the elements are there.

        Returns
        -------
        PersistedTSet
            A source for anything else: the same elements, in the same order, of the same types.

        Raises
        ------
        FingerprintError
            Something that the elements depend on cannot be fingerprinted; the message names the path
            to it. Nothing was computed.
        StoreError
            The store cannot be written to.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-persist", job_id="j") as env:
        ...     env.range(4, parallelism=2).map(lambda i: i + 1).persist().hit
        False
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-persist", job_id="j") as env:
        ...     env.range(4, parallelism=2).map(lambda i: i + 1).persist().hit
        True
        """
        return self._env._now(self.lazy_persist(name, refresh))

    def lazy_persist(self, name: str | None = None, refresh: bool = False) -> PersistedTSet:
        """Prepare `persist`; the first action below it, or ``env.run()``, carries it out."""
        if name is not None:
            _check_name("persist()", name)
        node = Stored(
            durable=True,
            inputs=(snapshot_of_sides(self._node),),
            parallelism=self.parallelism,
            name=name,
            refresh=refresh,
        )
        return self._env._pending(self._persisted_class(self._env, node))

    def explain(self) -> None:
        """Print what the persists of this TSet would find, as `TSetEnvironment.plan` says it.

        As PySpark's, before anything is run: nothing is computed.
        """
        print(self._env.plan(self))

    # Misuse -------------------------------------------------------------------------------------

    def __bool__(self) -> NoReturn:
        raise UsageError(
            "the truth of a TSet is not known before it is computed: use `tset is not None`, or `tset.take(1)`"
        )

    def __len__(self) -> NoReturn:
        raise UsageError("the length of a TSet is not known before it is computed: call count()")

    def __iter__(self) -> Iterator[Any]:
        raise UsageError("a TSet is not iterable, as its elements may be anywhere: call collect()")

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

    def __reduce__(self) -> NoReturn:
        raise UsageError(
            f"{self!r} cannot be part of a function or of data: it is a handle of the driver's. "
            "Pass elements on with an operation, or collect() them first"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}, {self.parallelism} partitions>"

    def _repr_html_(self) -> str:
        return self._env._html_of(self)

    # Construction -------------------------------------------------------------------------------

    @property
    def _cached_class(self) -> type[CachedTSet]:
        return CachedTSet

    @property
    def _persisted_class(self) -> type[PersistedTSet]:
        return PersistedTSet

    def _like(self, node: Node) -> Self:
        """A TSet whose elements are pairs if this one's are."""
        made: TSet = (
            KeyedTSet(self._env, node) if isinstance(self, KeyedTSet) else TSet(self._env, node)
        )
        return made  # type: ignore[return-value]

    def _linked(self, operator: Step) -> Self:
        return self._like(Apply(operator=operator, inputs=(self._node,)))

    def _transformed(self, operator: Step, f: Callable[..., Any], depends_on: Urls | None) -> TSet:
        return TSet(self._env, self._transform(operator, f, depends_on))

    def _transform(
        self, operator: Step, f: Callable[..., Any], depends_on: Urls | None, **params: object
    ) -> Apply:
        return Apply(
            operator=operator,
            inputs=(self._node,),
            functions=function_of(operator, f),
            params=params,
            files=function_files(depends_on),
        )

    def _exchange(
        self, operator: Mover, f: Callable[..., Any], parallelism: int, depends_on: Urls | None
    ) -> Exchange:
        return Exchange(
            operator=operator,
            inputs=(self._node,),
            parallelism=parallelism,
            functions=function_of(operator, f),
            files=function_files(depends_on),
        )

    def _visit(self, action: Action, f: Callable[..., Any]) -> LazyAction:
        node = snapshot_of_sides(self._node)
        carry_out = partial(self._env._visit, node, action, function_of(action, f))
        return self._env._pending(LazyAction(self._env, carry_out, action.name))


class KeyedTSet(TSet):
    """A TSet of ``(key, value)`` pairs: Twister2's ``KeyedTSet``.

    Keys that are equal in Python (``1``, ``1.0``, ``True``), as keys of a ``dict`` are, always meet, in every
    process and on every worker. All NaNs are one key, also as parts of keys, and so are all NaTs. Of equal keys,
    the first stands for all.
    """

    def keyed_reduce(
        self, f: Callable[[Any, Any], Any], *, depends_on: Urls | None = None
    ) -> KeyedTSet:
        """Reduce the values of each key.

        Parameters
        ----------
        f : callable
            ``f(a, b)`` of two values of a key, associative. Values are reduced in each partition first.
        depends_on : path or sequence of path, optional
            As of `map`.

        Returns
        -------
        KeyedTSet
            With as many partitions, one pair a key.

        Raises
        ------
        TypeError
            When it is computed: a key is of a type that cannot be hashed the same everywhere, or an
            element is no pair.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-keyed") as env:
        ...     words = env.parallelize(["a", "b", "a"], 2).map_to_tuple(lambda word: (word, 1))
        ...     sorted(words.keyed_reduce(lambda a, b: a + b).collect())
        [('a', 2), ('b', 1)]
        """
        node = self._exchange(KEYED_REDUCE, f, self.parallelism, depends_on)
        return KeyedTSet(self._env, node)

    def join(self, right: KeyedTSet) -> TSet:
        """Join the pairs of two keyed TSets whose keys are equal.

        Parameters
        ----------
        right : KeyedTSet
            The other; each of its partitions is held in memory while it is joined.

        Returns
        -------
        TSet
            A ``JoinedTuple(key, left, right)`` for each two pairs with equal keys, with as many partitions as this one.

        Raises
        ------
        TypeError
            When it is computed: a key is of a type that cannot be hashed the same everywhere, or an element is no
            pair.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-join") as env:
        ...     ages = env.parallelize({"ann": 31, "bob": 27}, 2)
        ...     towns = env.parallelize({"ann": "Ulm", "eve": "Bonn"}, 1)
        ...     ages.join(towns).collect()
        [JoinedTuple(key='ann', left=31, right='Ulm')]
        """
        if not isinstance(right, KeyedTSet):
            raise UsageError(
                f"join() takes a KeyedTSet, and was given {right!r}: call map_to_tuple(f) on it first, with an f that "
                "gives (key, value)"
            )
        self._env._check_own(right)
        inputs = (self._node, right._node)
        return TSet(self._env, Exchange(operator=JOIN, inputs=inputs, parallelism=self.parallelism))

    @property
    def _cached_class(self) -> type[CachedTSet]:
        return _CachedKeyedTSet

    @property
    def _persisted_class(self) -> type[PersistedTSet]:
        return PersistedKeyedTSet


class CachedTSet(TSet):
    """Elements that are kept in memory: Twister2's ``CachedTSet``."""

    def unpersist(self) -> None:
        """Free the memory; what needs the elements later computes them again."""
        self._env._release(self._node)


class PersistedTSet(TSet):
    """Elements that are committed to the store: Twister2's ``PersistedTSet``.

    A `lazy_persist` is carried out by the first action below it, by ``env.run()``, or by asking for
    one of these properties.
    """

    @property
    def url(self) -> str:
        """URL of the Zarr group, which ``zarr.open_group`` opens."""
        return self._env._url(self._persisted.manifest.group)

    @property
    def fingerprint(self) -> str:
        """What the elements were computed from, as 64 hex digits: the key they are stored under."""
        return self._persisted.manifest.fingerprint

    @property
    def digest(self) -> str:
        """What the elements are, as 64 hex digits: equal for equal data."""
        return self._persisted.manifest.digest

    @property
    def nbytes(self) -> int:
        """Bytes in the store, metadata apart."""
        return self._persisted.manifest.nbytes

    @property
    def partitions(self) -> int:
        """Number of partitions."""
        return self._persisted.manifest.partitions

    @property
    def hit(self) -> bool | int:
        """True: the elements were there; False: they were computed; else how many partitions were there."""
        return self._persisted.hit

    def unpersist(self) -> None:
        """Drop the data: this TSet, and what is made from it later, can no longer be computed.

        They stay in the store while another TSet of this run has the same data, or another run of the
        job is alive.
        """
        self._env._drop(self._node)

    def _let_go(self, persisted: Persisted) -> None:
        """Let what is above become garbage: the store has the elements."""
        self._result: Persisted | None = persisted
        if isinstance(self._node, Stored):
            self._node = replace(self._node, inputs=())

    @property
    def _persisted(self) -> Persisted:
        known: Persisted | None = getattr(self, "_result", None)
        return self._env._persisted(self._node) if known is None else known


class _CachedKeyedTSet(CachedTSet, KeyedTSet):
    """Pairs that are kept in memory."""


class PersistedKeyedTSet(PersistedTSet, KeyedTSet):
    """Pairs that are committed to the store."""


class LazyAction:
    """An action that is prepared; ``env.run()`` carries it out."""

    def __init__(self, env: TSetEnvironment, action: Callable[[], None], operator: str) -> None:
        self._env = env
        self._action = action
        self._operator = operator

    def run(self) -> None:
        """Carry the action out; ``env.run()`` does not do so again."""
        self._action()
        self._env._done(self)

    def __repr__(self) -> str:
        return f"<LazyAction {self._operator}>"
