"""A session: what TSets and their environment stand on, from its opening to its closing."""

from __future__ import annotations

import atexit
import logging
import os
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any, Protocol, TypeGuard, TypeVar

from dtset.checkpoint.earlier import Lender
from dtset.checkpoint.explain import Missed
from dtset.checkpoint.job import Job, find_job, kept_block_size
from dtset.checkpoint.manifest import Manifest, delete_tset
from dtset.checkpoint.recorder import Journal, RunRecorder
from dtset.checkpoint.runs import new_run_id
from dtset.checkpoint.state import State
from dtset.diagnostics.banner import (
    attach_console,
    banner,
    environment_lines,
    miss_line,
    persist_line,
)
from dtset.errors import ConfigurationError, UsageError
from dtset.execution.at_hand import Persisted
from dtset.execution.data.inline import SequenceSource, snapshot
from dtset.execution.export import Export, exported, kept_elsewhere
from dtset.execution.preview import RunPlan, preview
from dtset.execution.resolve import Index
from dtset.execution.run import Run
from dtset.execution.schedulers.cluster import choose_cluster
from dtset.execution.stage import TaskSettings
from dtset.execution.submit import Resubmission, RunContext
from dtset.execution.workers.left_folders import remove_left_folders
from dtset.io.cuts import BlockSize, Cutting, default_block_size
from dtset.io.writing import Target
from dtset.operators.kernels.event_loop import end_loop
from dtset.plan.nodes import Mark, Node, Stored, snapshot_of_sides, topological
from dtset.session import arguments, process
from dtset.session.actions import write
from dtset.session.main_module import show_main
from dtset.session.options import Options
from dtset.storage.batch import Batch
from dtset.storage.local_store import local_path
from dtset.storage.opening import open_store

_logger = logging.getLogger("dtset")


class Pending(Protocol):
    """What a lazy operation has prepared, and ``env.run()`` carries out."""

    def _carry_out(self) -> None:
        """Carry it out."""

    def _is_carried_out(self) -> bool:
        """Return whether it waits no more; let go of what is above it then."""


_P = TypeVar("_P", bound=Pending)


class _PendingNode(Pending, Protocol):
    _node: Node


def _is_persist(prepared: Pending) -> TypeGuard[_PendingNode]:
    """Whether what was prepared is a persist, which may be carried out together with others."""
    node = getattr(prepared, "_node", None)
    return isinstance(node, Stored) and node.durable


def _mark_of(prepared: Pending) -> Mark | None:
    """The mark of a persist or a cache; None of an action."""
    node = getattr(prepared, "_node", None)
    return node.mark if isinstance(node, Stored) else None


class Session:
    """A job's store, cluster, records and run, opened together and closed together; knows nodes, no TSets."""

    def __init__(self, options: Options) -> None:
        self._closed = True
        self._hide_main = weakref.finalize(self, show_main())
        attach_console(options.submitted)
        if options.submitted:
            # Killed, the command line cannot end what it started.
            process.end_with(os.getppid())
        self.name, self.job_id, self.config = options.name, options.job_id, options.config
        self.checkpointing = options.checkpointing
        # Known now: when the interpreter ends, it has forgotten the script.
        self._program = process.this_program(self.job_id)
        self.waiting: list[Pending] = []
        self._explained: weakref.WeakSet[Mark] = weakref.WeakSet()
        self._has_loops = False
        run_id = new_run_id()
        self.cluster = choose_cluster(options.cluster, options.resources, options.submitted)
        try:
            self._open(options, run_id)
        except BaseException:
            self.cluster.close()
            raise
        self.run = Run(
            RunContext(
                index=Index(
                    self._store,
                    self.job_id,
                    self.config,
                    options.ignore,
                    self.checkpointing,
                    self._lenders,
                    options.allow_pickle,
                ),
                settings=TaskSettings(
                    store=self._store,
                    job_id=self.job_id,
                    run_id=run_id,
                    batch_size=options.batch_size,
                    codec=options.codec,
                    allow_pickle=options.allow_pickle,
                    attempt=0,
                    capture=False,
                    record=self._recorder.record,
                    exchange_memory=options.exchange_memory,
                    ignore=options.ignore,
                ),
                scheduler=partial(self.cluster.scheduler, run_id),
                tasks_per_thread=options.tasks_per_thread,
                resubmission=Resubmission(
                    options.resubmissions,
                    process.how_to_restart(self._program, self.job_id, self._store.url),
                ),
                on_miss=self._miss_noted,
                on_persist=self._persist_noted,
                check_writable=self._recorder.check_writable,
                on_coroutines=self._coroutines_noted,
                is_alone=self._is_alone,
                keep_versions=options.keep_versions,
            )
        )
        self._journal = Journal(self._store, self.job_id, run_id, self._recorder.note)
        self.state = State(
            self._store,
            self.job_id,
            run_id,
            runs=self._recorder.runs,
            keep=options.keep_variables,
            allow_pickle=options.allow_pickle,
            enabled=self.checkpointing,
            ignore=options.ignore,
        )
        self._closed = False
        self._process = os.getpid()
        atexit.register(self._close_at_exit)
        said = banner(
            self.described(), self.job_id, checkpointing=self.checkpointing, has_id=options.has_id
        )
        _logger.info("%s", said)

    def _open(self, options: Options, run_id: str) -> None:
        """Open the store, and begin the run's records in it."""
        self._store = open_store(options.url, options.storage_options)
        if not self.cluster.in_process and self._store.url.startswith("memory:"):
            raise ConfigurationError(
                "a memory:// store is seen by this process alone: use it with cluster='threads' or "
                "'synchronous', or give a store that workers reach"
            )
        # Before the run is: one that is refused leaves none behind.
        self._lenders = [Lender(*each.opened(self._store)) for each in options.reuse]
        recorded = find_job(self._store, self.job_id)
        self.parallelism: int = (
            options.parallelism
            or (recorded and recorded.parallelism)
            or self.cluster.threads(run_id)
        )
        self._recorder = RunRecorder(
            self._store,
            Job(
                job_id=self.job_id,
                name=self.name,
                parallelism=self.parallelism,
                created=time.time(),
                versions=process.versions(),
            ),
            run_id,
            self._program,
            exclusive=bool(options.exclusive),
            interval=options.interval,
            timeout=options.timeout,
            recorded=not process.is_reimported(),
        )
        self.cluster.spares_this_process = self._recorder.has_died
        remove_left_folders()
        process.report(
            process.BegunRun(self.job_id, run_id, local_path(options.url) or options.url)
        )

    def cutting(self, parallelism: int, block_size: BlockSize) -> Cutting:
        """How files are cut: a default block size stays what it was when the job first read them."""
        number = arguments.a_number(parallelism, least=0)
        if number is None:
            raise ConfigurationError(
                f"parallelism={parallelism!r}: give a number of partitions from 1 on, or 0 for as many as block_size= gives"
            )
        return Cutting(number, block_size, self._block_size)

    def _block_size(self, names: Sequence[str], total: int) -> int:
        usual = default_block_size(total, self.parallelism)
        if not self.checkpointing:
            return usual
        return kept_block_size(self._store, self.job_id, names, usual)

    # What waits ---------------------------------------------------------------------------------

    def pending(self, prepared: _P) -> _P:
        """Remember what is to be carried out later."""
        self.check_open()
        self.cut()
        self.waiting.append(prepared)
        return prepared

    def now(self, prepared: _P) -> _P:
        """Carry out at once what is not to wait: where that fails, the failure is all there is to say."""
        try:
            self.carry_out(self.pending(prepared))
        except BaseException:
            self.done(prepared)
            raise
        return prepared

    def carry_out(self, *prepared: Pending) -> None:
        """Carry out some of what was prepared, or all that waits, in the order in which it was prepared."""
        self.check_open()
        for _, group in groupby(prepared or tuple(self.waiting), _is_persist):
            together = list(group)
            persists = [each._node for each in together if _is_persist(each)]
            if len(persists) > 1:
                self.run.prepare_together(persists)
            for each in together:
                each._carry_out()
        self.cut()

    def done(self, prepared: Pending) -> None:
        """Forget what has been carried out."""
        self.waiting = [one for one in self.waiting if one is not prepared]

    def cut(self) -> None:
        """Let go of what waits no more, and of what is above it."""
        self.waiting = [one for one in self.waiting if not one._is_carried_out()]

    # What is asked of nodes ---------------------------------------------------------------------

    def snapshot(
        self,
        batch_of: Callable[[slice], Batch],
        length: int,
        parallelism: int,
        digest: str | None = None,
    ) -> SequenceSource:
        """A sequence as it is now, cut into partitions."""
        size = self.run.context.settings.batch_size
        return snapshot(batch_of, length, parallelism, size, digest)

    def bound(self, node: Node) -> tuple[Run, Node]:
        """The run, and a plan as its side inputs are bound now; what an action before has carried out waits no more."""
        self.check_open()
        self.cut()
        return self.run, snapshot_of_sides(node)

    def write(self, node: Node, target: Target, *, overwrite: bool) -> None:
        """Write the elements of a node to files."""
        write(*self.bound(node), target, overwrite=overwrite, is_alone=self._is_alone)

    def export(self, node: Node, known: Export | None) -> Export:
        """Return a node as a Dask graph of its own."""
        return exported(*self.bound(node), known)

    def kept_elsewhere(self, stored: Stored, entries: Mapping[Any, Any]) -> bool:
        """Take what Dask keeps for a cache's partitions; return whether it does."""
        return kept_elsewhere(self.run, stored, entries)

    def plan(self, node: Node) -> RunPlan:
        """What the persists that a node depends on would find."""
        self._explained.update(above.mark for above in topological(node))
        run, plan = self.bound(node)
        is_remote = local_path(self.url) is None
        return preview(run.plan(plan), self._journal.reason, is_remote=is_remote)

    def prepare(self, node: Node) -> None:
        """Carry out a persist or a cache, and those that it depends on."""
        self.check_open()
        self.run.prepare(node)

    def persisted(self, node: Node) -> Persisted | None:
        """What became of a persist, if it was carried out."""
        return self.run.at_hand.persisted.get(node.mark)

    def committed(self, name_or_place: str | int) -> tuple[Node, Manifest] | None:
        """Find the last committed TSet of a name, or of a place in its run, and a node that stands for it."""
        manifest = self._journal.committed(name_or_place)
        if manifest is None:
            return None
        node = Stored(durable=True, inputs=(), parallelism=manifest.partitions, name=manifest.name)
        self.run.at_hand.take(node, Persisted(manifest, True))
        return node, manifest

    def release(self, node: Node) -> None:
        """Free a cache's memory."""
        self.run.at_hand.forget(node)

    def drop(self, node: Node) -> None:
        """Drop a persisted TSet from the store."""
        self.check_open()
        persisted = self.persisted(node)
        if persisted is None:
            return
        self.release(node)
        if persisted.accepted_for is not None:
            # The data are another program's, which may come back; the word for them goes.
            delete_tset(self._store, self.job_id, persisted.accepted_for)
            return
        version = persisted.manifest.version
        others = self.run.at_hand.persisted.values()
        if any(other.manifest.version == version for other in others):
            return
        if not self._is_alone():
            _logger.warning(
                "the data of %s stay in the store: another run of job %s is alive, and may read them",
                persisted.manifest.name,
                self.job_id,
            )
            return
        delete_tset(self._store, self.job_id, version)

    # What it is ---------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """URL of the store, without user, password and query."""
        return self._store.url

    @property
    def client(self) -> Any:
        """The `distributed.Client`, started if need be; None on Dask's local schedulers."""
        return self.cluster.reached_client(self.run.context.settings.run_id)

    def described(self) -> dict[str, str]:
        """What the banner and notebooks say."""
        link = self.cluster.dashboard_link
        return environment_lines(self.name, self.job_id, self.cluster.kind, self.url, link)

    def check_open(self) -> None:
        """Make sure that it is not closed."""
        if self._closed:
            raise UsageError(
                f"the environment of job {self.job_id} is closed: make another with the same job_id"
            )

    def check_own(self, said: object, other: Session) -> None:
        """Make sure that something is of this session, before anything is run."""
        if other is not self:
            raise UsageError(
                f"{said!r} belongs to another environment, of job {other.job_id}, and cannot be run by the one of job "
                f"{self.job_id}: call its own operations, or pass data on with collect() and parallelize()"
            )

    # Its end ------------------------------------------------------------------------------------

    def close(self, state: str) -> None:
        """Release what was started, and say how the run ended; a fork's is its parent's to release."""
        if self._closed or os.getpid() != self._process:
            return
        self._closed = True
        atexit.unregister(self._close_at_exit)
        self.cut()
        # Of what was only to be explained nobody waits for more.
        waiting = [one for one in self.waiting if _mark_of(one) not in self._explained]
        if waiting and state == "completed":
            _logger.warning("closed before these were carried out: %s", waiting)
        try:
            for version in self.run.at_hand.temporary:
                delete_tset(self._store, self.job_id, version)
            self._recorder.end(state)
        finally:
            self.run.at_hand.clear()
            run_id = self.run.context.settings.run_id
            if self._has_loops:
                self.cluster.end_loops(run_id)
            self.cluster.close()
            end_loop(run_id, wait=True)
            self._hide_main()

    def _close_at_exit(self) -> None:
        """Close when the interpreter ends: an uncaught exception is known to it."""
        if os.getpid() == self._process:
            self.close(process.state_after(process.uncaught(self._program)))

    def _is_alone(self) -> bool:
        return not self._recorder.others()

    def _coroutines_noted(self) -> None:
        self._has_loops = True

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
