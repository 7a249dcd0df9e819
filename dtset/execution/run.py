"""A run: carries out the actions of one process of a job, persists and caches before what needs them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from dtset.checkpoint.explain import Missed
from dtset.checkpoint.layout import run_path
from dtset.checkpoint.lineage import Lineage
from dtset.checkpoint.manifest import Manifest, commit_manifest
from dtset.checkpoint.part import Part
from dtset.checkpoint.present_classes import module_and_name, present_classes, present_fingerprint
from dtset.checkpoint.resolution import Hit, Miss, Resolution, resolve
from dtset.errors import DTSetError, FingerprintError, UsageError
from dtset.exchange.deal import DealChangedError, common_deal
from dtset.execution.code import sent
from dtset.execution.expected_files import ExpectedFiles
from dtset.execution.forwarding.failures import TaskFailedError
from dtset.execution.forwarding.logs import driver_logging
from dtset.execution.inline import SequenceSource, inlined
from dtset.execution.inputs import BlockInput, LoadInput
from dtset.execution.lower import KeptBlocks, Lowered, Target, asking_for_classes, lower
from dtset.execution.outputs import (
    FIRST_GENERATION,
    BlockOutput,
    Committed,
    Output,
    PersistOutput,
)
from dtset.execution.results import GroupResult
from dtset.execution.schedulers.scheduler import Scheduler, WorkersLostError
from dtset.execution.schedulers.waiting import SchedulerLostError, WorkersGoneError
from dtset.execution.shipping import ship
from dtset.execution.specs import function_key, sees_ctx, spec_of
from dtset.execution.stage import TaskSettings
from dtset.fingerprint.graph import reached_distributions
from dtset.fingerprint.node import node_trees, own_tree, stored_tree
from dtset.fingerprint.sources import sources_of
from dtset.fingerprint.tree import Tree
from dtset.operators.call import CallSpec
from dtset.plan.nodes import (
    Exchange,
    Mark,
    Node,
    Source,
    Stored,
    operators,
    title,
    topological,
)
from dtset.storage.objects import ObjectStore

__all__ = ["Persisted", "Run"]

_T = TypeVar("_T")
_NO_TREE = Tree("nothing", "")


@dataclass(frozen=True)
class Persisted:
    """What became of a persist.

    Parameters
    ----------
    manifest : Manifest
        The committed TSet.
    hit : bool or int
        True: it was there; False: it was computed; else the number of partitions that were there.
    accepted_for : str or None
        If another program made it, the fingerprint for which the user takes it.
    why : str or None
        Why it was computed.
    """

    manifest: Manifest
    hit: bool | int
    accepted_for: str | None = None
    why: str | None = None


@dataclass
class Run:
    """Carries out the actions of one process of a job.

    Parameters
    ----------
    store : ObjectStore
        Where persisted TSets lie.
    job_id, run_id : str
        The job, and this process of it.
    scheduler : callable
        Returns what runs Dask graphs; called when there is something to compute.
    config : mapping
        The environment's.
    settings : TaskSettings
        What tasks are told.
    checkpointing : bool
        Whether persisted TSets are looked up.
    ignore : sequence of str
        Globals that no fingerprint takes into account.
    restarting : str
        How what was committed is gone on from, for errors that end the job.
    tasks_per_thread, resubmissions : int
        How finely stages are cut, and how often lost tasks are submitted again.
    on_miss : callable
        Told of each persist that has to be computed, before it is; says why.
    on_persist : callable
        Told what became of each persist, and how many seconds it took.
    check_writable : callable
        Raises StoreError if nothing can be written; called before a persist is computed.
    """

    store: ObjectStore
    job_id: str
    run_id: str
    scheduler: Callable[[], Scheduler]
    config: Mapping[str, Any]
    settings: TaskSettings
    checkpointing: bool
    ignore: Sequence[str]
    restarting: str
    tasks_per_thread: int
    resubmissions: int
    on_miss: Callable[[Missed], str]
    on_persist: Callable[[Persisted, float], None]
    check_writable: Callable[[], None]
    persisted: WeakKeyDictionary[Mark, Persisted] = field(default_factory=WeakKeyDictionary)
    adopted: WeakSet[Mark] = field(default_factory=WeakSet)
    kept: WeakKeyDictionary[Mark, KeptBlocks] = field(default_factory=WeakKeyDictionary)
    sources: WeakKeyDictionary[Mark, BlockInput | LoadInput] = field(
        default_factory=WeakKeyDictionary
    )
    trees: WeakKeyDictionary[Mark, Tree] = field(default_factory=WeakKeyDictionary)
    unknown: WeakKeyDictionary[Mark, FingerprintError] = field(default_factory=WeakKeyDictionary)
    classes: set[tuple[str, str]] = field(default_factory=set)
    _actions: count[int] = field(default_factory=count)

    def evaluate(
        self,
        node: Node,
        output: Output,
        partitions: Sequence[int] | None = None,
        functions: Mapping[str, object] | None = None,
    ) -> dict[int, Any]:
        """Carry out an action.

        Parameters
        ----------
        node : Node
            Whose elements.
        output : Output
            What becomes of them.
        partitions : sequence of int, optional
            The partitions that are wanted. Default: all.
        functions : mapping of str to object, optional
            User functions that the output calls, by the keys of its steps.

        Returns
        -------
        dict
            By partition, what the output gave.
        """
        self.prepare(node)
        wanted = range(node.parallelism) if partitions is None else partitions
        target = self._target(node, output, wanted, functions or {})
        return self._resubmitting(lambda attempt: self._computed(target, attempt))

    def prepare(self, *nodes: Node) -> None:
        """Run the persists and caches that nodes depend on, and the nodes where they are such.

        Those whose inputs are known go first: below a persist, fingerprints hang on its digest.
        """
        for node in topological(*nodes):
            if node.mark in self.persisted or node.mark in self.kept:
                continue
            if isinstance(node, Stored) and node.durable:
                self.persisted[node.mark] = self._persist(node)
            elif isinstance(node, Stored):
                self.kept[node.mark] = self._keep(node)

    def fingerprint(self, node: Node) -> Tree:
        """Fingerprint of a node whose persists and caches have been run."""
        return self._trees(node)[node.mark]

    def _trees(self, node: Node) -> dict[Mark, Tree]:
        """Fingerprints of a node and of what is above it, up to persists and caches."""
        needed = self._unresolved(node)
        for each in needed:
            if each.mark in self.unknown:
                raise self.unknown[each.mark]
        stored = self.stored_trees(needed)
        return node_trees(node, stored, config=self.config, ignore=self.ignore)

    def stored_trees(self, nodes: Iterable[Node]) -> dict[Mark, Tree]:
        """What stands for those nodes whose elements are at hand, with the code that their classes have now."""
        trees: dict[Mark, Tree] = {}
        for number in {node.mark for node in nodes}:
            persisted, tree = self.persisted.get(number), self.trees.get(number)
            if persisted is not None:
                found = persisted.manifest
                classes = present_classes(found.classes, self.ignore)
                trees[number] = stored_tree(found.name, found.digest, classes)
            elif tree is not None:
                kept = self.kept.get(number)
                pairs = () if kept is None else kept.classes
                names = (f"{module}:{name}" for module, name in pairs)
                classes = present_classes(names, self.ignore)
                trees[number] = stored_tree("cache", tree.digest, classes)
        return trees

    def adopt(self, node: Stored, manifest: Manifest) -> None:
        """Take a committed TSet for what a node stands for."""
        self.persisted[node.mark] = Persisted(manifest, True)
        self.adopted.add(node.mark)
        self.classes.update(map(module_and_name, manifest.classes))

    def forget(self, node: Node) -> None:
        """Let go of a cache's memory, or of what is known of a persist."""
        self.persisted.pop(node.mark, None)
        self._free(node.mark)

    def clear(self) -> None:
        """Let go of all that is kept in memory."""
        for each in (self.persisted, self.kept, self.sources, self.trees, self.unknown):
            each.clear()

    def _keep(self, node: Stored) -> KeptBlocks:
        """Run a cache: its elements as they are now, whatever its functions read later."""
        trees: Mapping[Mark, Tree] | None = None
        if self.checkpointing:
            try:
                trees = self._trees(node.inputs[0])
            except FingerprintError as error:
                # What it was computed from may change: a persist below raises this, now or later.
                self.unknown[node.mark] = error
            else:
                self._check_unchanged(node, trees[node.inputs[0].mark])
                self.trees[node.mark] = trees[node.inputs[0].mark]
        target = self._target(node.inputs[0], BlockOutput(), range(node.parallelism), trees=trees)
        return self._resubmitting(lambda attempt: self._kept(target, attempt))

    def _free(self, number: Mark) -> None:
        """Let go of what was kept for a cache that nothing refers to any more."""
        for each in (self.kept, self.trees, self.unknown):
            each.pop(number, None)

    def _check_unchanged(self, node: Stored, tree: Tree) -> None:
        """Make sure that a cache that was lost comes back as it was: what is below counts on that."""
        before = self.trees.get(node.mark)
        if before is not None and before.digest != tree.digest:
            raise DTSetError(
                f"the cache {node.name or node.mark.number} was lost with its workers, and what it was computed from "
                "has changed since: cache() it again"
            )

    def _kept(self, target: Target, attempt: int) -> KeptBlocks:
        """Compute partitions and keep them where they are."""
        lowered = self._lowered(target, attempt)
        keys = [key for key, _ in lowered.groups]
        entries = self.scheduler().keep(lowered.graph, keys)
        occurring = self.scheduler().compute(*asking_for_classes(entries))
        classes = frozenset[tuple[str, str]]().union(*occurring)
        self.classes.update(classes)
        groups = [partitions for _, partitions in lowered.groups]
        return KeptBlocks(groups, entries, self._has_exchange(target.node), classes)

    def _persist(self, node: Stored) -> Persisted:
        """Run a persist: look it up, compute what is missing, commit it."""
        began = time.perf_counter()
        persisted = self._looked_up_or_computed(node)
        # Whatever another program, or another persist of the same, called it.
        manifest = replace(persisted.manifest, name=title(node))
        persisted = replace(persisted, manifest=manifest)
        self.classes.update(module_and_name(name) for name in manifest.classes)
        self.on_persist(persisted, time.perf_counter() - began)
        return persisted

    def _looked_up_or_computed(self, node: Stored, tries: int = 3) -> Persisted:
        """Find a persisted TSet, or compute what is missing of it and commit it."""
        began = time.perf_counter()
        if not node.inputs:
            raise UsageError(
                f"the persisted TSet {node.name or node.mark.number} was unpersisted: its data are gone. Persist it again"
            )
        trees = self._trees(node.inputs[0]) if self.checkpointing else None
        tree = None if trees is None else trees[node.inputs[0].mark]
        generation = self._generation(node)
        fingerprint, parts = uuid.uuid4().hex * 2, dict[int, Part]()
        missed: Missed | None = None
        if tree is not None:
            resolution = self.resolved(node, tree)
            if isinstance(resolution, Hit) and not node.refresh:
                asked = resolution.fingerprint if resolution.accepted else None
                return Persisted(resolution.manifest, True, asked)
            missed = self.missed(node, tree, resolution)
            fingerprint = missed.fingerprint
            parts = dict(resolution.parts) if isinstance(resolution, Miss) else {}
        self.check_writable()
        if node.refresh:
            generation, parts = f"r{uuid.uuid4().hex}", {}
        missing = [each for each in range(node.parallelism) if each not in parts]
        if missing:
            output = PersistOutput(fingerprint, generation)
            target = self._target(node.inputs[0], output, missing, trees=trees)
            if tree is not None and self.fingerprint(node.inputs[0]).digest != tree.digest:
                # Another thread has changed what functions read between their fingerprint and their packing.
                if tries == 0:
                    raise DTSetError(
                        f"what {title(node)} is computed from changes all the time, so that it cannot be said what was "
                        "packed for the workers: let the thread that changes it finish, or pass a copy"
                    )
                return self._looked_up_or_computed(node, tries - 1)
        why = None if missed is None else self.on_miss(missed)
        if missing:
            generation, computed = self._resubmitting(
                lambda attempt: self._committed(target, attempt)
            )
            parts.update(computed)
        manifest = Manifest(
            job_id=self.job_id,
            fingerprint=fingerprint,
            generation=generation or FIRST_GENERATION,
            name=title(node),
            operators=operators(node),
            parts=[parts[number] for number in range(node.parallelism)],
            seconds=time.perf_counter() - began,
            created=time.time(),
        )
        manifest = commit_manifest(self.store, manifest, replace=node.refresh)
        reused = sum(part.run_id != self.run_id for part in manifest.parts)
        return Persisted(manifest, reused or False, why=why)

    def resolved(self, node: Stored, tree: Tree, at_hand: Collection[Mark] = ()) -> Resolution:
        """Look up a persist whose input has been fingerprinted; `at_hand` are nodes that count as stored."""
        return resolve(
            self.store,
            self.job_id,
            tree.digest,
            self._generation(node, at_hand),
            partial(present_fingerprint, ignore=self.ignore),
        )

    def _generation(self, node: Stored, at_hand: Collection[Mark] = ()) -> str | None:
        """The generation whose partitions may be reused; None where an exchange decides it when it runs."""
        dealt = bool(node.inputs) and self._has_exchange(node.inputs[0], at_hand)
        return None if dealt else FIRST_GENERATION

    @staticmethod
    def missed(node: Stored, tree: Tree, resolution: Resolution) -> Missed:
        """Say what the store does not have of a persist, and what it is to be made from."""
        lineage = Lineage(title(node), tree, sources_of(tree))
        if isinstance(resolution, Hit):
            fingerprint = resolution.fingerprint
            return Missed(fingerprint, node.parallelism, 0, lineage, refresh=True)
        found, classes = len(resolution.parts), resolution.classes
        return Missed(resolution.fingerprint, node.parallelism, found, lineage, classes)

    def _committed(self, target: Target, attempt: int) -> tuple[str, dict[int, Part]]:
        """Commit partitions: the generation they belong to, and their records."""
        committed: dict[int, Committed] = self._computed(target, attempt)
        generations = {each.generation for each in committed.values()}
        if len(generations) > 1:
            raise DealChangedError("partitions were computed from different deals")
        return generations.pop(), {number: each.part for number, each in committed.items()}

    def _computed(self, target: Target, attempt: int) -> dict[int, Any]:
        """Compute partitions, once: what the output gave for each."""
        lowered = self._lowered(target, attempt)
        returned: list[GroupResult] = self.scheduler().compute(
            lowered.graph, [key for key, _ in lowered.groups]
        )
        common_deal(result.deal for result in returned)
        return {
            partition: result for each in returned for partition, result in each.results.items()
        }

    def _has_exchange(self, node: Node, at_hand: Collection[Mark] = ()) -> bool:
        """Whether what a node's partitions hold is dealt out by an exchange, in this run or a cache."""
        return any(
            (isinstance(each, Exchange) and each.parallelism > 1 and each.mark not in self.kept)
            or (each.mark in self.kept and self.kept[each.mark].dealt)
            for each in self._unresolved(node, at_hand)
        )

    def _resubmitting(self, submit: Callable[[int], _T]) -> _T:
        """Submit, and submit again what was lost with its workers, a bounded number of times.

        What was committed in between is not computed again: tasks look for their partitions' records.
        """
        for attempt in count():
            try:
                return submit(attempt)
            except TaskFailedError as failure:
                error = failure.unpack()
                break
            except SchedulerLostError as lost:
                raise DTSetError(
                    f"the Dask scheduler does not answer any more: {lost}. {self.restarting}"
                ) from lost
            except WorkersGoneError as gone:
                raise DTSetError(f"{gone}. {self.restarting}") from gone
            except DealChangedError as changed:
                if attempt >= self.resubmissions:
                    raise DTSetError(
                        f"what is above an exchange gave something else each time it ran again: {changed}. Persist or "
                        "cache it above the exchange, or make it depend on nothing but its input and ctx.random"
                    ) from changed
            except WorkersLostError as lost:
                if attempt >= self.resubmissions:
                    raise DTSetError(
                        f"tasks were lost with their workers {attempt + 1} times: {lost}. "
                        "The cause is often too little memory for a partition; the logs of the workers say more. "
                        f"{self.restarting}"
                    ) from lost
        # Raised here, it keeps the cause that it had.
        raise error

    def _target(
        self,
        node: Node,
        output: Output,
        partitions: Sequence[int],
        functions: Mapping[str, object] | None = None,
        trees: Mapping[Mark, Tree] | None = None,
    ) -> Target:
        """What an action wants, with the user's code as it is now: what is submitted again is the same."""
        resolved: dict[Mark, LoadInput | BlockInput] = {}
        objects: dict[str, object] = {"config": dict(self.config), **(functions or {})}
        for each in self._unresolved(node):
            if each.mark in self.persisted:
                resolved[each.mark] = _load(self.persisted[each.mark].manifest)
            elif isinstance(each, Source) and isinstance(each.data, SequenceSource):
                resolved[each.mark] = self._inlined(each, each.data)
            else:
                if isinstance(each, Source) and each.data is not None:
                    objects[str(each.mark.number)] = each.data
                for role, function in each.functions.items():
                    objects[function_key(each, role)] = function.function
        known = self._trees_if_useful(node) if trees is None else trees
        distributions = reached_distributions(known.values())
        shipment = sent(ship(objects, sorted(self.classes), distributions), self.settings)
        digests = {number: own_tree(tree).digest for number, tree in known.items()}
        files = tuple(
            ExpectedFiles(each.files, found)
            for each in self._unresolved(node)
            if not isinstance(each, Stored) and each.files is not None
            for found in own_tree(known.get(each.mark, _NO_TREE)).children
            if found.name == "files"
        )
        return Target(node, output, partitions, resolved, shipment, digests, files)

    def _lowered(self, target: Target, attempt: int) -> Lowered:
        """Lower a target whose persists and caches have been run."""
        scheduler = self.scheduler()
        kept: dict[Mark, KeptBlocks] = {}
        for node in self._unresolved(target.node):
            if isinstance(node, Stored) and node.mark in self.kept:
                if scheduler.lost(self.kept[node.mark].entries.values()):
                    self.kept[node.mark] = self._keep(node)
                kept[node.mark] = self.kept[node.mark]
        settings = replace(
            self.settings,
            attempt=attempt,
            capture=scheduler.concurrent,
            logging=driver_logging(),
            action=f"{self.run_id[-8:]}-{next(self._actions)}",
        )

        def spec(node: Node) -> CallSpec[Any]:
            digest = target.digests.get(node.mark, str(node.mark.number))
            return spec_of(node, self.job_id, digest)

        return lower(
            target,
            {**target.resolved, **kept},
            spec_of=spec,
            settings=settings,
            threads=scheduler.threads(),
            tasks_per_thread=self.tasks_per_thread,
        )

    def _unresolved(self, node: Node, at_hand: Collection[Mark] = ()) -> list[Node]:
        """Nodes that a target needs, up to those whose elements are at hand."""
        needed, stack = dict[Mark, Node](), [node]
        while stack:
            each = stack.pop()
            if each.mark not in needed:
                needed[each.mark] = each
                is_there = any(each.mark in known for known in (self.kept, self.persisted, at_hand))
                stack.extend(() if is_there else (*each.inputs, *each.sides.values()))
        return list(needed.values())

    def _trees_if_useful(self, node: Node) -> Mapping[Mark, Tree]:
        """Fingerprints of operators that see a ``ctx``: ``ctx.random`` is seeded with them.

        None where nobody sees a seed, or where there is no fingerprint: a node's number stands for it.
        """
        if not self.checkpointing or not any(map(sees_ctx, self._unresolved(node))):
            return {}
        try:
            return self._trees(node)
        except FingerprintError:
            return {}

    def _inlined(self, node: Source, data: SequenceSource) -> BlockInput | LoadInput:
        """Bring a sequence that lies in the driver's memory to where tasks can read it, once."""
        if node.mark not in self.sources:
            path = run_path(self.job_id, self.run_id, f"sources/{node.mark.number}")
            self.sources[node.mark] = inlined(data, self.settings, path)
            self.classes.update(data.classes)
        return self.sources[node.mark]


def _load(manifest: Manifest) -> LoadInput:
    """Input that reads a persisted TSet."""
    return LoadInput(
        manifest.name, manifest.path, {part.partition: part for part in manifest.parts}
    )
