"""The environment: a job's entry point, its sources, and what runs its actions."""

from __future__ import annotations

import atexit
import logging
import os
import time
import uuid
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

from dtset import actions
from dtset.arguments import (
    a_boolean,
    a_folder,
    a_mapping,
    a_name,
    a_number,
    a_number_of_partitions,
)
from dtset.checkpoint.clear import delete_tset
from dtset.checkpoint.explain import Missed
from dtset.checkpoint.job import Job, find_job
from dtset.checkpoint.journal import Journal
from dtset.checkpoint.layout import check_job_id
from dtset.checkpoint.recorder import RunRecorder
from dtset.checkpoint.runs import new_run_id
from dtset.checkpoint.state import State
from dtset.diagnostics.banner import banner, environment_lines, miss_line, persist_line
from dtset.diagnostics.console import attach_console
from dtset.errors import ConfigurationError, TSetNotFoundError, UsageError
from dtset.execution.at_hand import Persisted
from dtset.execution.inline import snapshot
from dtset.execution.preview import RunPlan, preview
from dtset.execution.resolve import Index
from dtset.execution.resubmit import Resubmission
from dtset.execution.run import Run
from dtset.execution.schedulers.cluster import choose_cluster
from dtset.execution.stage import TaskSettings
from dtset.execution.submit import RunContext
from dtset.execution.workers.left_folders import remove_left_folders
from dtset.execution.workers.parent_watch import end_with
from dtset.fingerprint.script import script_file
from dtset.io.function_files import function_files
from dtset.main_module import show_main
from dtset.operators.operator import Action, Reader, function_of
from dtset.operators.sources import (
    CREATE_KEYED_SOURCE,
    CREATE_SOURCE,
    PARALLELIZE,
    RANGE,
    READ_TEXT,
    RangeSource,
)
from dtset.plan.nodes import Node, Source, SourceData, Stored, snapshot_of_sides
from dtset.plan.user_function import UserFunction
from dtset.process import (
    BegunRun,
    default_name,
    how_to_restart,
    is_reimported,
    job_id_of,
    report,
    state_after,
    submission,
    this_program,
    uncaught,
    versions,
)
from dtset.settings import ignored_globals, seconds, setting, whole_number
from dtset.storage.codecs import chunk_codec
from dtset.storage.local_store import local_path
from dtset.storage.objects import open_store
from dtset.tset import CachedTSet, KeyedTSet, LazyAction, PersistedKeyedTSet, PersistedTSet, TSet

if TYPE_CHECKING:
    from dtset.io.files import Urls

__all__ = ["TSetEnvironment"]

_logger = logging.getLogger("dtset")
_P = TypeVar("_P", bound="TSet | LazyAction")


class TSetEnvironment:
    """A job: makes TSets, runs their actions, and finds again what the job persisted.

    Parameters
    ----------
    name : str, optional
        Name of the job. Default: the script's, without its ending, else ``python-job``.
    job_id : str, optional
        The job to resume, or to create. Default: ``$DTSET_JOB_ID``, else the name and a random part.
    store : str, optional
        fsspec URL or path of the checkpoint store. Default: the setting ``dtset.store``.
    storage_options : mapping, optional
        Passed to fsspec; never written anywhere.
    checkpointing : bool, optional
        Whether to keep persisted data after the run, and to look it up when the job is started again.
        Default: the setting ``dtset.checkpointing.enable``.
    parallelism : int, optional
        Number of partitions of sources that do not say. Default: what the job was started with first,
        else the setting ``dtset.parallelism``, else the number of worker threads.
    resources : sequence of mapping, optional
        ``[{"cpu": 1, "ram": 512, "instances": 4}]`` starts four worker processes on this machine, of
        one thread and 512 MiB each (Twister2's form).
    cluster : object, optional
        A `distributed.Client`, a Cluster object, a scheduler address, or the name of a scheduler of
        Dask's (``"synchronous"``, ``"threads"``). Default: what the command line says, else
        `resources`, else the current Client, else the settings ``dtset.cluster`` and ``dtset.workers``,
        else Dask's configured scheduler, else the embedded default: it starts at once in this process, one
        partition at a time, and goes over to worker processes after about a second of work, or near half
        of the free memory.
    config : mapping, optional
        What user functions see as ``ctx.config``; part of the fingerprint of those that take a ``ctx``.
    exclusive : bool
        Whether to raise, rather than warn, if another run of this job is alive.
    keep_variables : bool, optional
        What to do with driver state that a changed program committed: True keeps, False resets it.
        Default: StaleVariablesError.

    Raises
    ------
    ConfigurationError
        An argument's value cannot be used.
    StoreError
        The store cannot be reached, or cannot be written to. One that may only be read serves the jobs that are
        in it: what they persisted is found, and a persist that has to be computed raises this before it is.
    JobRunningError
        With `exclusive`: another run of this job is alive.

    Examples
    --------
    >>> from dtset import TSetEnvironment
    >>> with TSetEnvironment(job_id="squares", store="memory://doctest-env", cluster="threads") as env:
    ...     env.range(4, parallelism=2).map(lambda i: i * i).persist().reduce(max).first()
    9
    """

    worker_id = 0

    def __init__(
        self,
        name: str | None = None,
        *,
        job_id: str | None = None,
        store: str | os.PathLike[str] | None = None,
        storage_options: Mapping[str, Any] | None = None,
        checkpointing: bool | None = None,
        parallelism: int | None = None,
        resources: Sequence[Mapping[str, Any]] | None = None,
        cluster: object = None,
        config: Mapping[str, Any] | None = None,
        exclusive: bool = False,
        keep_variables: bool | None = None,
    ) -> None:
        self._closed = True
        self._hide_main = weakref.finalize(self, show_main())
        submitted = submission()
        attach_console(submitted)
        if submitted:
            # Killed, the command line cannot end what it started.
            end_with(os.getppid())
        self.name = a_name("name", name) or submitted.get("name") or default_name(script_file())
        given_id = job_id if job_id is not None else os.environ.get("DTSET_JOB_ID") or None
        self.job_id = check_job_id(
            job_id_of(self.name, str(uuid.uuid4())) if given_id is None else given_id
        )
        # Known now: when the interpreter ends, it has forgotten the script.
        self._program = program = this_program(self.job_id)
        self.config: Mapping[str, Any] = dict(a_mapping("config", config))
        for what, switch in (("exclusive", exclusive), ("keep_variables", keep_variables)):
            a_boolean(what, switch)
        checkpoints = a_boolean("checkpointing", checkpointing)
        self.checkpointing = bool(
            setting("checkpointing.enable") if checkpoints is None else checkpoints
        )
        url = a_folder("store", setting("store") if store is None else store)
        options = a_mapping("storage_options", storage_options)
        if keep_variables is None:
            keep_variables = submitted.get("keep_variables")
        default_parallelism = a_number_of_partitions(
            "parallelism", setting("parallelism") if parallelism is None else parallelism
        )
        run_id = new_run_id()
        interval, timeout = seconds("heartbeat.interval"), seconds("heartbeat.timeout")
        tasks_per_thread = whole_number("scheduling.tasks-per-thread", least=1)
        resubmissions = whole_number("scheduling.resubmissions", least=0)
        batch_size = whole_number("batch-size", least=1)
        codec = chunk_codec(setting("codec"), "uint8").name
        allow_pickle, ignore = bool(setting("pickle.allow")), ignored_globals()
        self._waiting: list[TSet | LazyAction] = []
        self._cluster = choose_cluster(cluster, resources, submitted)
        try:
            self._store = open_store(url, options)
            if not self._cluster.in_process and self._store.url.startswith("memory:"):
                raise ConfigurationError(
                    "a memory:// store is seen by this process alone: use it with cluster='threads' or "
                    "'synchronous', or give a store that workers reach"
                )
            recorded = find_job(self._store, self.job_id)
            self.parallelism = (
                default_parallelism
                or (recorded and recorded.parallelism)
                or self._cluster.threads(run_id)
            )
            self._recorder = RunRecorder(
                self._store,
                Job(
                    job_id=self.job_id,
                    name=self.name,
                    parallelism=self.parallelism,
                    created=time.time(),
                    versions=versions(),
                ),
                run_id,
                program,
                exclusive=exclusive,
                interval=interval,
                timeout=timeout,
                recorded=not is_reimported(),
            )
            self._cluster.spares_this_process = self._recorder.has_died
            remove_left_folders()
            report(BegunRun(self.job_id, run_id, local_path(url) or url))
        except BaseException:
            self._cluster.close()
            raise
        settings = TaskSettings(
            store=self._store,
            job_id=self.job_id,
            run_id=run_id,
            batch_size=batch_size,
            codec=codec,
            allow_pickle=allow_pickle,
            attempt=0,
            capture=False,
            record=self._recorder.record,
            ignore=ignore,
        )
        restarting = how_to_restart(program, self.job_id, self._store.url)
        self._run = Run(
            RunContext(
                index=Index(self._store, self.job_id, self.config, ignore, self.checkpointing),
                settings=settings,
                scheduler=partial(self._cluster.scheduler, run_id),
                tasks_per_thread=tasks_per_thread,
                resubmission=Resubmission(resubmissions, restarting),
                on_miss=self._miss_noted,
                on_persist=self._persist_noted,
                check_writable=self._recorder.check_writable,
            )
        )
        self._journal = Journal(self._store, self.job_id, run_id, self._recorder.note)
        self._state = State(
            self._store,
            self.job_id,
            run_id,
            runs=self._recorder.runs,
            keep=keep_variables,
            allow_pickle=settings.allow_pickle,
            enabled=self.checkpointing,
            ignore=settings.ignore,
        )
        self._closed = False
        self._process = os.getpid()
        atexit.register(self._close_at_exit)
        _logger.info(
            "%s",
            banner(
                self._described(),
                self.job_id,
                checkpointing=self.checkpointing,
                has_id=given_id is not None,
            ),
        )

    # What it is ---------------------------------------------------------------------------------

    @property
    def store(self) -> str:
        """URL of the checkpoint store, without user, password and query."""
        return self._store.url

    @property
    def client(self) -> Any:
        """The `distributed.Client`, started if need be; None on Dask's local schedulers."""
        return self._cluster.reached_client(self._run.context.settings.run_id)

    # Sources ------------------------------------------------------------------------------------

    def create_source(
        self, source_func: object, parallelism: int = 0, *, depends_on: Urls | None = None
    ) -> TSet:
        """Make a TSet from a source of the user's.

        Parameters
        ----------
        source_func : SourceFunc or callable
            An object with ``has_next()`` and ``next()``, and perhaps ``prepare(ctx)`` and ``close()``; or
            ``f()`` or ``f(ctx)`` returning an iterable. Every partition works on a fresh copy of it.
        parallelism : int
            Number of partitions; 0: the environment's default.
        depends_on : path or sequence of path, optional
            Files that the source reads by itself, as of `TSet.map`.

        Returns
        -------
        TSet

        Raises
        ------
        UsageError
            The object is no source.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-source") as env:
        ...     env.create_source(lambda ctx: range(ctx.index), 3).collect()
        [0, 0, 1]
        """
        node = self._function_source(CREATE_SOURCE, source_func, parallelism, depends_on)
        return TSet(self, node)

    def create_keyed_source(
        self, source_func: object, parallelism: int = 0, *, depends_on: Urls | None = None
    ) -> KeyedTSet:
        """Make a KeyedTSet from a source of the user's that gives ``(key, value)`` pairs.

        As `create_source` otherwise.
        """
        node = self._function_source(CREATE_KEYED_SOURCE, source_func, parallelism, depends_on)
        return KeyedTSet(self, node)

    def parallelize(
        self, data: Iterable[Any] | Mapping[Any, Any], parallelism: int = 0
    ) -> TSet | KeyedTSet:
        """Make a TSet from elements in the driver's memory.

        Parameters
        ----------
        data : iterable or mapping
            The elements; a mapping gives a KeyedTSet of its items. What is changed in it later is not seen.
        parallelism : int
            Number of partitions, contiguous and of about the same length; 0: the environment's default.

        Returns
        -------
        TSet or KeyedTSet

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-parallelize") as env:
        ...     env.parallelize([1, 2, 3], 2).collect()
        [1, 2, 3]
        """
        if isinstance(data, Mapping):
            return self.parallelize_dict(data, parallelism)
        return self.parallelize_list(data, parallelism)

    def parallelize_list(self, data: Iterable[Any], parallelism: int = 0) -> TSet:
        """Make a TSet from an iterable: Twister2's name for `parallelize`."""
        return TSet(self, self._sequence_source(data, parallelism))

    def parallelize_dict(
        self, data: Mapping[Any, Any], parallelism: int = 0, key_comparator: object = None
    ) -> KeyedTSet:
        """Make a KeyedTSet from a mapping's items: Twister2's name for `parallelize`.

        `key_comparator` is taken for Twister2's sake, where it orders keys inside of the JVM; a
        mapping's items keep their own order here.
        """
        if not isinstance(data, Mapping):
            raise UsageError(
                f"parallelize_dict() takes a mapping, and was given a {type(data).__qualname__}"
            )
        return KeyedTSet(self, self._sequence_source(data.items(), parallelism))

    def range(
        self, start: int, stop: int | None = None, step: int = 1, parallelism: int = 0
    ) -> TSet:
        """Make a TSet of integers, as Python's ``range`` and PySpark's.

        Parameters
        ----------
        start, stop, step : int
            As of ``range``; one number is the stop.
        parallelism : int
            Number of partitions, contiguous; 0: the environment's default.

        Returns
        -------
        TSet

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-range") as env:
        ...     env.range(2, 8, 2, parallelism=2).collect()
        [2, 4, 6]
        """
        try:
            numbers = range(start) if stop is None else range(start, stop, step)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"range({start!r}, {stop!r}, {step!r}): {error}") from error
        data = RangeSource(numbers.start, numbers.stop, numbers.step)
        return TSet(self, self._source(RANGE, data, parallelism))

    def read_text(
        self,
        urlpath: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        parallelism: int = 0,
        *,
        encoding: str = "utf-8",
        errors: str = "strict",
        storage_options: Mapping[str, Any] | None = None,
    ) -> TSet:
        r"""Make a TSet of the lines of text files.

        Parameters
        ----------
        urlpath : str or sequence of str
            fsspec URLs or paths, globs included; read in the order of their names. What exists by a name is
            meant by it, also where it has ``*``, ``?`` or ``[`` in it. Wildcards match as in a shell: no hidden
            files and folders, ``**`` any folders below; links that lead nowhere are left out, with a warning.
            Files in archives are named ``zip://*.txt::a.zip``. Compressed files are known by their ending.
        parallelism : int
            Number of partitions, of about the same number of bytes; 0: the environment's default. Large
            files are cut at ends of lines, small ones put together.
        encoding, errors : str
            As of ``open``.
        storage_options : mapping, optional
            Passed to fsspec; never written anywhere.

        Returns
        -------
        TSet
            Lines, with their line ends, as of `dask.bag.read_text`.

        Raises
        ------
        FileNotFoundError
            There is no such file.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> from dtset import TSetEnvironment
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.txt").write_text("one\ntwo\n")
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-text") as env:
        ...     env.read_text(folder / "*.txt", 2).map(str.strip).collect()
        ['one', 'two']
        """
        from dtset.io.text import text_source

        partitions = self._partitions(parallelism)
        options = a_mapping("storage_options", storage_options)
        data = text_source(urlpath, partitions, encoding, errors, options)
        return TSet(self, Source(operator=READ_TEXT, data=data, parallelism=partitions))

    # Driver state -------------------------------------------------------------------------------

    def init_variable(self, name: str, default: Any) -> Any:
        """Return a variable of the driver's as it was last committed.

        Parameters
        ----------
        name : str
            Its name.
        default : object
            Its value if it was never committed.

        Returns
        -------
        object

        Raises
        ------
        StaleVariablesError
            A program that has changed since committed it, and `keep_variables` does not say what to do.
        """
        self._check_open()
        return self._state.init(name, default)

    def update_variable(self, name: str, value: Any) -> None:
        """Set a variable that `init_variable` has returned; it lasts once it is committed."""
        self._check_open()
        self._state.update(name, value)

    def commit(self) -> None:
        """Commit all variables at once; the last commit of a job counts, whichever run made it."""
        self._check_open()
        self._state.commit()

    # Running ------------------------------------------------------------------------------------

    def run(self, *tsets: TSet | LazyAction) -> None:
        """Carry out what was prepared by the lazy forms.

        Parameters
        ----------
        *tsets : TSet or LazyAction
            What `lazy_persist`, `lazy_cache`, `lazy_for_each` and `lazy_sink` gave. Default: all that is
            waiting, in the order in which it was prepared.
        """
        self._check_open()
        for each in tsets:
            self._check_own(each)
        for each in tsets or tuple(self._waiting):
            if isinstance(each, LazyAction):
                each.run()
            elif isinstance(each, PersistedTSet | CachedTSet):
                self._run.prepare(each._node)
            else:
                raise UsageError(
                    f"run() takes what the lazy forms give, and was given {each!r}: call an action such as collect()"
                )
        self._cut()

    def eval(self, tset: _P) -> _P:
        """Carry out one lazy persist, cache or action, and return it (Twister2's name)."""
        self.run(tset)
        return tset

    def close(self) -> None:
        """Release what the environment started, and nothing else; may be called again."""
        self._close("completed")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close(state_after(error))

    def __reduce__(self) -> NoReturn:
        raise UsageError(
            "a TSetEnvironment cannot be part of a function or of data: it lives in the driver alone"
        )

    def __repr__(self) -> str:
        return f"<TSetEnvironment {self.job_id}, {self._cluster.kind}, store {self.store}>"

    def _repr_html_(self) -> str:
        from dtset.diagnostics.html import environment_html

        return environment_html(self._described())

    def plan(self, tset: TSet) -> RunPlan:
        """Look up what the persists of a flow would find, before anything is run.

        Parameters
        ----------
        tset : TSet
            What would be computed.

        Returns
        -------
        RunPlan
            For each persist that it depends on, in the order in which they would be run, a hit, a part, a miss, or
            what it depends on; with the first thing that differs from the last run, in words. Nothing is computed,
            and nothing written.

        Raises
        ------
        FingerprintError
            Something that a persist depends on cannot be fingerprinted.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-plan", job_id="j") as env:
        ...     for limit in (3, 4):
        ...         numbers = env.range(9, parallelism=2).filter(lambda i, limit=limit: i < limit)
        ...         small = numbers.lazy_persist("small")
        ...         print(env.plan(small), small.count())
        small: miss: no earlier run persisted it 3
        small: miss: default limit in ...<lambda>: 3 → 4 4
        """
        self._check_open()
        if not isinstance(tset, TSet):
            raise UsageError(f"plan() takes a TSet, and was given {tset!r}")
        self._check_own(tset)
        return preview(self._run.plan(snapshot_of_sides(tset._node)), self._journal.reason)

    def persisted(self, name: str | int) -> PersistedTSet:
        """Return a handle on a TSet that the job has persisted, by its name.

        What was committed last under the name counts, by this run or else by an earlier one, *whatever
        program made it*: to have only what the present program would make, call `TSet.persist`.

        Parameters
        ----------
        name : str or int
            The name given to ``persist``, else that of its last operator and function, as listings show it; or its
            place: 0 for the first persist of a run.

        Returns
        -------
        PersistedTSet
            A source for anything else. Fingerprints below it hang on what its data are.

        Raises
        ------
        TSetNotFoundError
            The job has committed nothing of this name.

        Examples
        --------
        >>> from dtset import TSetEnvironment
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-by-name", job_id="j") as env:
        ...     squares = env.range(3, parallelism=1).map(lambda i: i * i).persist("squares")
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-by-name", job_id="j") as env:
        ...     env.persisted("squares").collect()
        [0, 1, 4]
        """
        self._check_open()
        asked = name if isinstance(name, str) else a_number(name, least=0)
        if asked is None:
            raise ConfigurationError(
                f"persisted() takes a name, or a place, and was given {name!r}"
            )
        manifest = self._journal.committed(asked)
        if manifest is None:
            raise TSetNotFoundError(
                f"job {self.job_id} has committed no TSet "
                f"{f'named {name!r}' if isinstance(name, str) else f'as persist number {name}'} in {self.store}: "
                f"`dtset show {self.job_id}` lists what there is"
            )
        node = Stored(durable=True, inputs=(), parallelism=manifest.partitions, name=manifest.name)
        self._run.adopt(node, manifest)
        return (PersistedKeyedTSet if manifest.is_keyed else PersistedTSet)(self, node)

    # For TSets ----------------------------------------------------------------------------------

    def _pending(self, each: _P) -> _P:
        """Remember what is to be carried out by `run`."""
        self._check_open()
        self._waiting.append(each)
        return each

    def _now(self, each: _P) -> _P:
        """Carry out at once what is not to wait: where that fails, the failure is all there is to say."""
        try:
            self.run(each)
        except BaseException:
            self._done(each)
            raise
        return each

    def _done(self, each: TSet | LazyAction) -> None:
        """Forget what has been carried out."""
        self._waiting = [one for one in self._waiting if one is not each]

    def _cut(self) -> None:
        """Let go of what waits no more, and of what is above persisted TSets."""
        waiting: list[TSet | LazyAction] = []
        for each in self._waiting:
            if isinstance(each, PersistedTSet) and each._node.mark in self._run.at_hand.persisted:
                each._let_go(self._run.at_hand.persisted[each._node.mark])
            elif not (isinstance(each, CachedTSet) and each._node.mark in self._run.at_hand.cached):
                waiting.append(each)
        self._waiting = waiting

    def _elements(self, node: Node) -> Iterator[Any]:
        """All elements of a node, in the order of its partitions."""
        self._check_open()
        return actions.elements(self._run, snapshot_of_sides(node))

    def _take(self, node: Node, n: int) -> list[Any]:
        """The first elements of a node."""
        self._check_open()
        return actions.take(self._run, snapshot_of_sides(node), n)

    def _count(self, node: Node) -> int:
        """Number of elements of a node."""
        self._check_open()
        return actions.count(self._run, snapshot_of_sides(node))

    def _visit(self, node: Node, action: Action, functions: Mapping[str, UserFunction]) -> None:
        """Call a function on the elements or the partitions of a node, for its effect."""
        self._check_open()
        actions.visit(self._run, snapshot_of_sides(node), action, functions)

    def _persisted(self, node: Node) -> Persisted:
        """What became of a persist."""
        self._check_open()
        self._run.prepare(node)
        self._cut()
        return self._run.at_hand.persisted[node.mark]

    def _release(self, node: Node) -> None:
        """Free a cache's memory."""
        self._run.at_hand.forget(node)

    def _drop(self, node: Node) -> None:
        """Drop a persisted TSet from the store."""
        self._check_open()
        persisted = self._run.at_hand.persisted.get(node.mark)
        if persisted is None:
            return
        self._run.at_hand.forget(node)
        if persisted.accepted_for is not None:
            # The data are another program's, which may come back; the word for them goes.
            delete_tset(self._store, self.job_id, persisted.accepted_for)
            return
        fingerprint = persisted.manifest.fingerprint
        if any(
            each.manifest.fingerprint == fingerprint
            for each in self._run.at_hand.persisted.values()
        ):
            return
        if self._recorder.others():
            _logger.warning(
                "the data of %s stay in the store: another run of job %s is alive, and may read them",
                persisted.manifest.name,
                self.job_id,
            )
            return
        delete_tset(self._store, self.job_id, fingerprint)

    def _url(self, path: str) -> str:
        """URL of what lies at a path of the store."""
        return f"{self._store.url.rstrip('/')}/{path}"

    def _html_of(self, tset: TSet) -> str:
        """How a notebook shows a TSet."""
        from dtset.diagnostics.html import tset_html

        persisted = self._run.at_hand.persisted.get(tset._node.mark)
        return tset_html(type(tset).__name__.lstrip("_"), tset._node, persisted)

    # Private ------------------------------------------------------------------------------------

    def _partitions(self, parallelism: int) -> int:
        """Number of partitions of a source."""
        number = a_number(parallelism, least=0)
        if number is None:
            raise ConfigurationError(
                f"parallelism={parallelism!r}: give a number of partitions from 1 on, or 0 for the "
                f"environment's default of {self.parallelism}"
            )
        return number or self.parallelism

    def _source(self, operator: Reader, data: SourceData, parallelism: int) -> Source:
        self._check_open()
        return Source(operator=operator, data=data, parallelism=self._partitions(parallelism))

    def _function_source(
        self, operator: Reader, function: object, parallelism: int, depends_on: Urls | None
    ) -> Source:
        self._check_open()
        return Source(
            operator=operator,
            functions=function_of(operator, function),
            parallelism=self._partitions(parallelism),
            files=function_files(depends_on),
        )

    def _sequence_source(self, data: Iterable[Any], parallelism: int) -> Source:
        try:
            elements = list(data)
        except TypeError as error:
            raise UsageError(f"parallelize() takes an iterable or a mapping: {error}") from error
        partitions = self._partitions(parallelism)
        taken = snapshot(elements, partitions, self._run.context.settings.batch_size)
        return self._source(PARALLELIZE, taken, partitions)

    def _persist_noted(self, persisted: Persisted, took: float) -> None:
        """Say what became of a persist, in the log and in the run's records."""
        manifest, hit = persisted.manifest, persisted.hit
        _logger.info("%s", persist_line(manifest, hit, took))
        if self.checkpointing:
            self._journal.persisted(
                manifest, hit, accepted=persisted.accepted_for is not None, seconds=took
            )

    def _miss_noted(self, missed: Missed) -> str:
        """Say, in the log too, why a TSet that the job knows has to be computed."""
        reason = self._journal.missed(missed)
        if reason.before is not None:
            _logger.info("%s", miss_line(missed, reason.words))
        return reason.words

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError(
                f"the environment of job {self.job_id} is closed: make another with the same job_id"
            )

    def _check_own(self, each: object) -> None:
        """Make sure that a TSet or an action is of this environment, before anything is run."""
        if isinstance(each, TSet | LazyAction) and each._env is not self:
            raise UsageError(
                f"{each!r} belongs to another environment, of job {each._env.job_id}, and cannot be run by the one of job "
                f"{self.job_id}: call its own operations, or pass data on with collect() and parallelize()"
            )

    def _close_at_exit(self) -> None:
        """Close when the interpreter ends: an uncaught exception is known to it."""
        if os.getpid() != self._process:
            # A fork of the process: the environment is its parent's.
            return
        self._close(state_after(uncaught(self._program)))

    def _close(self, state: str) -> None:
        """Release what was started, and say how the run ended; a fork's is its parent's to release."""
        if self._closed or os.getpid() != self._process:
            return
        self._closed = True
        atexit.unregister(self._close_at_exit)
        self._cut()
        if self._waiting and state == "completed":
            _logger.warning("closed before these were carried out: %s", self._waiting)
        try:
            for fingerprint in self._run.at_hand.temporary:
                delete_tset(self._store, self.job_id, fingerprint)
            self._recorder.end(state)
        finally:
            self._run.at_hand.clear()
            self._cluster.close()
            self._hide_main()

    def _described(self) -> dict[str, str]:
        """What the banner and notebooks say."""
        link = self._cluster.dashboard_link
        return environment_lines(self.name, self.job_id, self._cluster.kind, self.store, link)
