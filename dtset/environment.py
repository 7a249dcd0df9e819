"""The environment: a job's entry point."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, Self, TypeVar, cast

from dtset.errors import ConfigurationError, TSetNotFoundError, UsageError
from dtset.execution.preview import RunPlan
from dtset.operators.partitioners import Functions
from dtset.session.arguments import a_number
from dtset.session.options import Options
from dtset.session.process import state_after
from dtset.session.session import Pending, Session
from dtset.sources import Sources
from dtset.tset.actions import LazyAction
from dtset.tset.tset import CachedTSet, PersistedKeyedTSet, PersistedTSet, TSet

__all__ = ["TSetEnvironment"]

_LAZY = (LazyAction, PersistedTSet, CachedTSet)
_P = TypeVar("_P", bound="TSet[Any] | LazyAction")


class TSetEnvironment(Sources):
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
        Whether to raise a JobRunningError, rather than warn, if another run of this job is alive.
    keep_variables : bool, optional
        What to do with driver state that a changed program committed: True keeps, False resets it.
        Default: StaleVariablesError.
    reuse : sequence of str or mapping, optional
        Other jobs whose partitions of the same chain and inputs are taken over, and nothing else is done with: IDs of jobs
        of this store, URLs of jobs in others, or mappings of a ``url`` and its ``storage_options``. Default: the setting ``dtset.reuse``.

    Raises
    ------
    StoreError
        The store cannot be reached, or cannot be written to. One that may only be read serves the jobs that are
        in it: what they persisted is found, and a persist that has to be computed raises this before it is.

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
        reuse: Sequence[str | Mapping[str, Any]] | None = None,
    ) -> None:
        options = Options(
            name=name,
            job_id=job_id,
            store=store,
            storage_options=storage_options,
            checkpointing=checkpointing,
            parallelism=parallelism,
            resources=resources,
            cluster=cluster,
            config=config,
            exclusive=exclusive,
            reuse=reuse,
            keep_variables=keep_variables,
        )
        self._session = Session(options)

    @property
    def name(self) -> str:
        """Name of the job."""
        return self._session.name

    @property
    def job_id(self) -> str:
        """What the job is resumed by."""
        return self._session.job_id

    @property
    def parallelism(self) -> int:
        """Number of partitions of sources that do not say."""
        return self._session.parallelism

    @property
    def functions(self) -> Functions:
        """Functions that are there: ``env.functions.partition.load_balanced``, and more (Twister2's name)."""
        return Functions()

    @property
    def config(self) -> Mapping[str, Any]:
        """What user functions see as ``ctx.config``."""
        return self._session.config

    @property
    def checkpointing(self) -> bool:
        """Whether persisted data are kept after the run, and looked up."""
        return self._session.checkpointing

    @property
    def store(self) -> str:
        """URL of the checkpoint store, without user, password and query."""
        return self._session.url

    @property
    def client(self) -> Any:
        """The `distributed.Client`, started if need be; None on Dask's local schedulers."""
        return self._session.client

    def init_variable(self, name: str, default: Any) -> Any:
        """Return a variable of the driver's as it was last committed, or its default if it never was.

        It is a StaleVariablesError if a program that has changed since committed it, and `keep_variables` does not
        say what to do.
        """
        self._session.check_open()
        return self._session.state.init(name, default)

    def update_variable(self, name: str, value: Any) -> None:
        """Set a variable that `init_variable` has returned; it lasts once it is committed."""
        self._session.check_open()
        self._session.state.update(name, value)

    def commit(self) -> None:
        """Commit all variables at once; the last commit of a job counts, whichever run made it."""
        self._session.check_open()
        self._session.state.commit()

    # Running ------------------------------------------------------------------------------------

    def run(self, *tsets: TSet[Any] | LazyAction) -> None:
        """Carry out what was prepared by the lazy forms; what persists next to one another have in common is computed once.

        That is what `lazy_persist`, `lazy_cache`, `lazy_for_each` and `lazy_sink` gave; by default all that is
        waiting, in the order in which it was prepared. Then other TSets, whose elements are computed and let go.
        """
        self._session.check_open()
        for tset in tsets:
            if isinstance(tset, TSet | LazyAction):
                self._session.check_own(tset, tset._session)
            else:
                raise UsageError(
                    f"run() takes TSets and what their lazy forms give, and was given {tset!r}"
                )
        prepared: list[Pending] = [each for each in tsets if isinstance(each, _LAZY)]
        if prepared or not tsets:
            self._session.carry_out(*prepared)
        for tset in tsets:
            if isinstance(tset, TSet) and not isinstance(tset, _LAZY):
                tset.count()

    def eval(self, tset: _P) -> _P:
        """Carry out one lazy persist, cache or action, and return it (Twister2's name); of another TSet, return its `cache`."""
        if isinstance(tset, TSet) and not isinstance(tset, _LAZY):
            self._session.check_own(tset, tset._session)
            return cast(_P, tset.cache())
        self.run(tset)
        return tset

    def close(self) -> None:
        """Release what the environment started, and nothing else; may be called again."""
        self._session.close("completed")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._session.close(state_after(error))

    def __reduce__(self) -> NoReturn:
        raise UsageError(
            "a TSetEnvironment cannot be part of a function or of data: it lives in the driver alone"
        )

    def __repr__(self) -> str:
        return f"<TSetEnvironment {self.job_id}, {self._session.cluster.kind}, store {self.store}>"

    def _repr_html_(self) -> str:
        from dtset.diagnostics.html import environment_html

        return environment_html(self._session.described())

    def plan(self, tset: TSet[Any]) -> RunPlan:
        """Look up what the persists of a flow would find, before anything is run.

        For each persist that it depends on, in the order in which they would be run, a hit, a part, a miss, or
        what it depends on; with the first thing that differs from the last run, in words. Nothing is computed,
        and nothing written. It is a FingerprintError if something that a persist depends on has no fingerprint.

        Examples
        --------
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-plan", job_id="j") as env:
        ...     for limit in (3, 4):
        ...         numbers = env.range(9, parallelism=2).filter(lambda i, limit=limit: i < limit)
        ...         small = numbers.lazy_persist("small")
        ...         print(env.plan(small), small.count())
        small: miss: no earlier run persisted it 3
        small: miss: default limit in ...<lambda>: 3 → 4 4
        """
        self._session.check_open()
        if not isinstance(tset, TSet):
            raise UsageError(f"plan() takes a TSet, and was given {tset!r}")
        self._session.check_own(tset, tset._session)
        return self._session.plan(tset._node)

    def persisted(self, name: str | int) -> PersistedTSet[Any]:
        """Return a handle on a TSet that the job has persisted, by its name; none is a TSetNotFoundError.

        What was committed last under the name counts, by this run or else by an earlier one, *whatever
        program made it*: to have only what the present program would make, call `TSet.persist`. Fingerprints
        below it depend on what its data are. The name is the one given to ``persist``, else that of its last operator
        and function, as listings show it; or its place: 0 for the first persist of a run.

        Examples
        --------
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-by-name", job_id="j") as env:
        ...     squares = env.range(3, parallelism=1).map(lambda i: i * i).persist("squares")
        >>> with TSetEnvironment(cluster="synchronous", store="memory://doctest-by-name", job_id="j") as env:
        ...     env.persisted("squares").collect()
        [0, 1, 4]
        """
        self._session.check_open()
        asked = name if isinstance(name, str) else a_number(name, least=0)
        if asked is None:
            raise ConfigurationError(
                f"persisted() takes a name, or a place, and was given {name!r}"
            )
        found = self._session.committed(asked)
        if found is None:
            raise TSetNotFoundError(
                f"job {self.job_id} has committed no TSet "
                f"{f'named {name!r}' if isinstance(name, str) else f'as persist number {name}'} in {self.store}: "
                f"`dtset show {self.job_id}` lists what there is"
            )
        node, manifest = found
        return (PersistedKeyedTSet if manifest.is_keyed else PersistedTSet)(self._session, node)
