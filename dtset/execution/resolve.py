"""What a run would find of a plan: which persists are in the store, in whole or in part, and which come next."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache, cached_property, partial
from typing import Any

from dtset.checkpoint.earlier import Lender, Origin, find_earlier
from dtset.checkpoint.explain import Lineage, Missed
from dtset.checkpoint.layout import FIRST_GENERATION, version_of
from dtset.checkpoint.present_classes import present_classes, present_fingerprint
from dtset.checkpoint.resolution import Hit, Miss, Resolution
from dtset.checkpoint.resolution import resolve as look_up
from dtset.errors import FingerprintError
from dtset.execution.at_hand import AtHand, Persisted, anew
from dtset.execution.specs import sees_ctx
from dtset.fingerprint import Session
from dtset.fingerprint.node import node_tree, plan_tree, rooted_tree, stored_tree
from dtset.fingerprint.reads import plan_reads
from dtset.fingerprint.sources import sources_of
from dtset.fingerprint.tree import Tree
from dtset.plan.nodes import (
    Exchange,
    Mark,
    Node,
    Stored,
    described,
    through_links,
    title,
    topological,
    upstream,
)
from dtset.plan.reads import Reads
from dtset.storage.objects import ObjectStore


class State(StrEnum):
    """What is found of a persist or a cache; ``DONE`` is at hand, ``DEPENDS`` waits for what is above it."""

    HIT = "hit"
    PARTIAL = "partial"
    MISS = "miss"
    DEPENDS = "depends on"
    DONE = "computed"


@dataclass(frozen=True)
class Index:
    """What a job has in its store, asked for by the fingerprints of the present program."""

    store: ObjectStore = field(repr=False)
    job_id: str
    config: Mapping[str, Any] = field(repr=False)
    ignore: Collection[str] = ()
    checkpointing: bool = True
    lenders: Sequence[Lender] = ()
    allow_pickle: bool = True

    def look_up(
        self, version: str, generation: str | None, reads: Callable[[], Sequence[Reads]] | None
    ) -> Resolution:
        """Look up a TSet: as a whole, or, where each partition reads something of its own, by partitions of other versions.

        A generation of None is one that an exchange decides when it runs.
        """
        present = partial(present_fingerprint, ignore=self.ignore)
        found = look_up(self.store, self.job_id, version, generation, present)
        if isinstance(found, Hit) or reads is None:
            return found
        every = dict(enumerate(reads()))
        wanted = {number: each for number, each in every.items() if number not in found.parts}
        earlier = find_earlier(
            self.store,
            self.job_id,
            found.version,
            wanted,
            len(every),
            present,
            self.lenders,
            allow_pickle=self.allow_pickle,
        )
        return replace(found, earlier=earlier)

    def reads_of(self, persisted: Persisted) -> Sequence[Reads]:
        """What stands for each partition of a persisted TSet: its digest, and the code of the classes in it."""
        present = present_classes(persisted.manifest.classes, self.ignore)
        return [
            (part.summary.digest, *(present[name].digest for name in sorted(part.classes)))
            for part in persisted.manifest.parts
        ]

    def fingerprint(self, node: Node, at_hand: AtHand) -> Tree:
        """Take the fingerprint of a node as it is at this moment."""
        needed = topological(node, until=at_hand.has)
        stored = {
            each.mark: self.tree_at_hand(each, at_hand) for each in needed if at_hand.has(each)
        }
        return plan_tree(node, stored, config=self.config, ignore=self.ignore)

    def tree_at_hand(self, node: Node, at_hand: AtHand) -> Tree:
        """What stands for elements at hand, with the code that their classes have now."""
        persisted = at_hand.persisted.get(node.mark)
        if persisted is not None:
            return self.tree_of(persisted.manifest.name, persisted)
        cached = at_hand.cached[node.mark]
        if isinstance(cached.tree, FingerprintError):
            raise anew(cached.tree)
        assert cached.tree is not None
        names = (f"{module}:{name}" for module, name in cached.classes)
        classes = present_classes(names, self.ignore)
        code = "".join(tree.digest for tree in classes.values())
        chain = hashlib.sha256(f"cache {cached.tree.chain} {code}".encode()).hexdigest()
        return stored_tree("cache", cached.tree.digest, classes, chain)

    def tree_of(self, name: str, persisted: Persisted) -> Tree:
        """What stands for the elements of a persisted TSet."""
        manifest = persisted.manifest
        classes = present_classes(manifest.classes, self.ignore)
        return stored_tree(name, manifest.digest, classes, "persisted")


@dataclass(frozen=True, eq=False)
class Found:
    """What is found of one persist or cache.

    `tree` is the fingerprint of its input, or why there is none; `generation` that whose partitions may be reused,
    None where an exchange decides it when it runs; `ahead` counts the persists before it that are not at hand.
    """

    node: Stored
    state: State
    ahead: int = 0
    depends_on: tuple[str, ...] = ()
    persisted: Persisted | None = None
    tree: Tree | FingerprintError | None = field(default=None, repr=False)
    generation: str | None = None
    dealt: bool = False
    reads: Sequence[Reads] | None = field(default=None, repr=False)
    resolution: Resolution | None = field(default=None, repr=False)
    seconds: float = 0.0

    @property
    def is_known(self) -> bool:
        """Whether its elements are at hand, or in the store."""
        return self.state in (State.HIT, State.DONE)

    @property
    def is_missing(self) -> bool:
        """Whether all of a persist that was looked up has to be computed."""
        cannot = self.depends_on or isinstance(self.tree, FingerprintError)
        return self.node.durable and self.state is State.MISS and not cannot

    @property
    def taken(self) -> Sequence[Origin]:
        """Partitions of other versions that are taken over."""
        if not isinstance(self.resolution, Miss):
            return ()
        return tuple(self.resolution.earlier.known.values())

    @cached_property
    def missed(self) -> Missed | None:
        """What is missing of a persist that was looked up, and what it is to be made from."""
        if not isinstance(self.tree, Tree) or self.resolution is None:
            return None
        lineage = Lineage(title(self.node), self.tree, sources_of(self.tree))
        version, partitions = self.resolution.version, self.node.parallelism
        if isinstance(self.resolution, Hit):
            return Missed(version, partitions, 0, lineage, refresh=True)
        classes = self.resolution.classes
        taken = len(self.taken)
        found = len(self.resolution.parts) + taken
        return Missed(version, partitions, found, lineage, classes, taken=taken)


@dataclass(frozen=True, eq=False)
class Resolved:
    """A plan, what is found of its persists and caches in the order in which they are run, and fingerprints."""

    plan: Node
    stored: Sequence[Found]
    trees: Mapping[Mark, Tree | FingerprintError] = field(repr=False)

    @property
    def pending(self) -> list[Found]:
        """What is not at hand yet and depends on nothing that is to be computed first: hits, and what comes after them."""
        return [
            found for found in self.stored if found.state is not State.DONE and not found.depends_on
        ]

    def trees_of(self, nodes: Sequence[Node]) -> dict[Mark, Tree]:
        """Fingerprints of all of some nodes; none if one of them has none."""
        found = {node.mark: self.trees.get(node.mark) for node in nodes}
        trees = {mark: tree for mark, tree in found.items() if isinstance(tree, Tree)}
        return trees if len(trees) == len(found) else {}


def resolve(plan: Node, at_hand: AtHand, index: Index, *, to_run: bool = False) -> Resolved:
    """Look up what a node depends on; nothing is computed, and nothing written.

    To be carried out, it is looked up to the first that has to be computed: functions may read what that changes.
    When nothing is left, all fingerprints are taken if a function sees one as a seed.
    """
    needed = topological(plan, until=at_hand.has)
    walk = _Walk(at_hand, index, _fingerprinted(needed, at_hand, index, to_run=to_run))
    for node in needed:
        if not isinstance(node, Stored):
            walk.pass_by(node)
        elif not walk.look_at(node).is_known and to_run:
            break
    return Resolved(plan, tuple(walk.stored), walk.trees)


def _fingerprinted(
    needed: Sequence[Node], at_hand: AtHand, index: Index, *, to_run: bool
) -> Collection[Mark]:
    """Nodes whose fingerprints are wanted: what is above persists and caches, or all where there is a seed in it."""
    if not index.checkpointing:
        return ()
    left = {node.mark: node for node in needed if not at_hand.has(node)}
    if to_run and not any(isinstance(node, Stored) for node in left.values()):
        return {node.mark for node in needed} if any(map(sees_ctx, needed)) else ()
    wanted: set[Mark] = set()
    for node in reversed(left.values()):
        if isinstance(node, Stored) or node.mark in wanted:
            wanted.update(each.mark for each in upstream(node))
    return wanted


def _reads_a_cache_whole(node: Node) -> bool:
    """Whether all partitions see one that is kept in memory, and may hold something else in the next run."""
    return any(
        isinstance(side, Stored) and not side.durable and side.parallelism == 1
        for side in node.sides.values()
    )


@dataclass
class _Walk:
    at_hand: AtHand
    index: Index
    wanted: Collection[Mark]
    stored: list[Found] = field(default_factory=list)
    trees: dict[Mark, Tree | FingerprintError] = field(default_factory=dict)
    _ahead: int = 0
    _dealt: set[Mark] = field(default_factory=set)
    _moved: set[Mark] = field(default_factory=set)
    _waits: dict[Mark, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._session = Session(self.index.ignore)
        self._began = time.perf_counter()

    def pass_by(self, node: Node) -> None:
        """Take note of a node that is computed with what it is read by."""
        waits = self._names(upstream(node))
        if waits:
            self._waits[node.mark] = waits
        is_dealing = node.parallelism > 1 and (
            isinstance(node, Exchange) or _reads_a_cache_whole(node)
        )
        if is_dealing or self._is_dealt(node):
            self._dealt.add(node.mark)
        if not node.operator.is_independent or self._is_moved(node):
            self._moved.add(node.mark)
        if node.mark in self.wanted and not waits:
            self._take_fingerprint(node)

    def look_at(self, node: Stored) -> Found:
        if self.at_hand.has(node):
            found = self._at_hand(node)
        elif node.durable:
            found = self._persist(node)
        else:
            found = self._cache(node)
        now = time.perf_counter()
        self.stored.append(replace(found, seconds=now - self._began))
        self._began = now
        return self.stored[-1]

    def _at_hand(self, node: Stored) -> Found:
        cached = self.at_hand.cached.get(node.mark)
        if cached is not None and cached.dealt:
            self._dealt.add(node.mark)
        if cached is not None and cached.reads is None:
            self._moved.add(node.mark)
        if node.mark in self.wanted:
            self._stands_for(node, partial(self.index.tree_at_hand, node, self.at_hand))
        persisted = self.at_hand.persisted.get(node.mark)
        return Found(node, State.DONE, self._ahead, persisted=persisted)

    def _cache(self, node: Stored) -> Found:
        (input_,) = node.inputs
        waits, dealt = self._names(node.inputs), self._is_dealt(node)
        self._waits[node.mark] = (*waits, f"the cache of {described(through_links(input_))}")
        if waits:
            return Found(node, State.DEPENDS, self._ahead, waits)
        tree = self.trees.get(input_.mark)
        if not isinstance(tree, Tree):
            return Found(node, State.MISS, self._ahead, tree=tree, dealt=dealt)
        reads = None if dealt or self._is_moved(node) else self._reads(input_)
        whole = rooted_tree(tree)
        return Found(node, State.MISS, self._ahead, tree=whole, dealt=dealt, reads=reads)

    def _persist(self, node: Stored) -> Found:
        waits, name = self._names(node.inputs), title(node)
        if not self.index.checkpointing:
            found = Found(node, State.MISS, depends_on=waits)
        elif waits or not node.inputs:
            found = Found(node, State.DEPENDS, depends_on=waits)
        else:
            found = self._looked_up(node)
        dealt = self._is_dealt(node)
        found = replace(
            found, ahead=self._ahead, dealt=dealt, generation=None if dealt else FIRST_GENERATION
        )
        self._ahead += 1
        if found.persisted is None:
            self._waits[node.mark] = (name,)
        elif node.mark in self.wanted:
            self._stands_for(node, partial(self.index.tree_of, name, found.persisted))
        return found

    def _looked_up(self, node: Stored) -> Found:
        tree = self.trees[node.inputs[0].mark]
        if isinstance(tree, FingerprintError):
            return Found(node, State.MISS, tree=tree)
        whole = rooted_tree(tree)
        generation = None if self._is_dealt(node) else FIRST_GENERATION
        is_one_to_one = generation is not None and not self._is_moved(node)
        reads = cache(partial(self._reads, node.inputs[0])) if is_one_to_one else None
        try:
            # What is to be computed anew is not looked for in other versions.
            resolution = self.index.look_up(
                version_of(whole.chain, whole.digest), generation, None if node.refresh else reads
            )
        except FingerprintError as error:
            return Found(node, State.MISS, tree=error)
        if isinstance(resolution, Hit) and not node.refresh:
            asked = resolution.version if resolution.accepted else None
            persisted = Persisted(resolution.manifest, True, asked)
            return Found(node, State.HIT, persisted=persisted, tree=whole, resolution=resolution)
        partial_ = isinstance(resolution, Miss) and (resolution.parts or resolution.earlier.known)
        state = State.PARTIAL if partial_ and not node.refresh else State.MISS
        known = None if reads is None else reads()
        return Found(node, state, tree=whole, resolution=resolution, reads=known)

    def _reads(self, node: Node) -> Sequence[Reads]:
        """What each partition of a node reads that no exchange decides on."""
        hits = {found.node.mark: found.persisted for found in self.stored}
        known: dict[Mark, Sequence[Reads]] = {}
        for each in topological(node, until=lambda above: isinstance(above, Stored)):
            persisted = self.at_hand.persisted.get(each.mark) or hits.get(each.mark)
            cached = self.at_hand.cached.get(each.mark)
            if persisted is not None:
                known[each.mark] = self.index.reads_of(persisted)
            elif cached is not None:
                known[each.mark] = cached.reads or ()
        chains = {mark: tree.chain for mark, tree in self.trees.items() if isinstance(tree, Tree)}
        return plan_reads(node, known, chains, self._session)

    def _take_fingerprint(self, node: Node) -> None:
        known: dict[Mark, Tree] = {}
        for each in upstream(node):
            tree = self.trees[each.mark]
            if isinstance(tree, FingerprintError):
                self.trees[node.mark] = tree
                return
            known[each.mark] = tree
        self._stands_for(node, partial(node_tree, node, known, self.index.config, self._session))

    def _stands_for(self, node: Node, take: Callable[[], Tree]) -> None:
        try:
            self.trees[node.mark] = take()
        except FingerprintError as error:
            self.trees[node.mark] = error

    def _names(self, nodes: Iterable[Node]) -> tuple[str, ...]:
        return tuple(
            dict.fromkeys(name for node in nodes for name in self._waits.get(node.mark, ()))
        )

    def _is_dealt(self, node: Node) -> bool:
        """Whether an exchange decides which elements are in which partition of what a node reads."""
        return any(each.mark in self._dealt for each in upstream(node))

    def _is_moved(self, node: Node) -> bool:
        """Whether elements that a node reads were moved between partitions since they were stored, if they were."""
        return any(each.mark in self._moved for each in node.inputs)
