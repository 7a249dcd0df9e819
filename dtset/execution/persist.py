"""A persist: taken over where it is in the store, else computed as far as it is missing, and committed. A cache: computed, and kept as it is."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from dtset.checkpoint.earlier import take_over
from dtset.checkpoint.explain import Missed
from dtset.checkpoint.layout import FIRST_GENERATION, generation_path, version_of
from dtset.checkpoint.manifest import Manifest, commit_manifest, keep_versions
from dtset.checkpoint.part import Part
from dtset.checkpoint.resolution import Miss
from dtset.errors import DTSetError, FingerprintError, UsageError
from dtset.exchange.deal import DealChangedError
from dtset.execution.at_hand import Cached, Persisted, anew
from dtset.execution.lower import Target, Want, asking_for_classes
from dtset.execution.outputs import BlockOutput, PersistOutput
from dtset.execution.resolve import Found, Resolved, resolve
from dtset.execution.submit import RunContext, Submit, computed, lowered, packed
from dtset.fingerprint.tree import Tree
from dtset.plan.nodes import Stored, merged, operators, title

# How often what is packed is packed again, as what it reads has changed meanwhile.
_MOST_TRIES = 4


@dataclass(frozen=True)
class _Work:
    """What is missing of a persist: nothing if there is no target; nothing that is told with checkpointing off."""

    node: Stored
    version: str
    generation: str | None
    parts: Mapping[int, Part]
    taken: Collection[int]
    want: Want | None
    missed: Missed | None


def persist(run: RunContext, found: Found, resolved: Resolved, submit: Submit) -> None:
    """Take a persist over, or compute what is missing of it and commit it."""
    node, began = found.node, time.perf_counter() - found.seconds
    if not node.inputs:
        raise UsageError(
            f"the persisted TSet {node.name or node.mark.number} was unpersisted: its data are gone. Persist it again"
        )
    made = found.persisted or _packed(run, found, resolved)
    if isinstance(made, Persisted):
        _noted(run, node, made, began)
        return
    work, target = made
    why = _said(run, work)
    generation = work.generation
    parts: Mapping[int, Part] = {}
    if target is not None:
        ((generation, parts),) = submit(target, partial(_parts, run))
    _noted(run, node, _committed(run, work, generation, parts, why, began), began)


def persist_together(
    run: RunContext, found: Sequence[tuple[Found, Resolved]], submit: Submit
) -> None:
    """Compute persists of which nothing is there, and commit them; what they have in common is computed once."""
    began = time.perf_counter()
    run.check_writable()
    works = [_work(run, each) for each, _ in found]
    wants = [work.want for work in works if work.want is not None]
    ends = merged([want.node for want in wants])
    wants = [replace(want, node=node) for want, node in zip(wants, ends, strict=True)]
    trees = {mark: tree for _, resolved in found for mark, tree in resolved.trees.items()}
    target = packed(run, replace(found[0][1], trees=trees), *wants)
    for each, _ in found:
        if not _is_as_packed(run, each):
            # What functions read has changed meanwhile: each is looked up again, by itself.
            return
    said = [_said(run, work) for work in works]
    made = submit(target, partial(_parts, run))
    for work, why, (generation, parts) in zip(works, said, made, strict=True):
        _noted(run, work.node, _committed(run, work, generation, parts, why, began), began)


def _noted(run: RunContext, node: Stored, persisted: Persisted, began: float) -> None:
    # Whatever another program, or another persist of the same, called it.
    persisted = replace(persisted, manifest=replace(persisted.manifest, name=title(node)))
    run.at_hand.take(node, persisted)
    run.on_persist(persisted, time.perf_counter() - began)


def _is_as_packed(run: RunContext, found: Found) -> bool:
    tree = found.tree
    if not isinstance(tree, Tree):
        return True
    return run.index.fingerprint(found.node.inputs[0], run.at_hand).digest == tree.digest


def _packed(
    run: RunContext, found: Found, resolved: Resolved
) -> tuple[_Work, Target | None] | Persisted:
    for _ in range(_MOST_TRIES):
        if found.persisted is not None:
            return found.persisted
        if isinstance(found.tree, FingerprintError):
            raise found.tree
        run.check_writable()
        work = _work(run, found)
        if work.want is None:
            return work, None
        target = packed(run, resolved, work.want)
        if _is_as_packed(run, found):
            return work, target
        # Another thread has changed what functions read between their fingerprint and their packing.
        resolved = resolve(found.node, run.at_hand, run.index, to_run=True)
        found = resolved.stored[-1]
    raise DTSetError(
        f"what {title(found.node)} is computed from changes all the time, so that it cannot be said what was "
        "packed for the workers: let the thread that changes it finish, or pass a copy"
    )


def _work(run: RunContext, found: Found) -> _Work:
    node, missed, generation = found.node, found.missed, found.generation
    made_up = version_of(uuid.uuid4().hex * 2, uuid.uuid4().hex * 2)
    version = made_up if missed is None else missed.version
    miss = found.resolution if isinstance(found.resolution, Miss) else Miss(version, {})
    if node.refresh:
        generation, miss = f"r{uuid.uuid4().hex}", Miss(version, {})
    taken: Mapping[int, Part] = {}
    if generation is not None and miss.earlier.known:
        path = generation_path(run.index.job_id, version, generation)
        taken = take_over(run.index.store, path, miss.earlier.known)
    parts = {**miss.parts, **taken}
    missing = [number for number in range(node.parallelism) if number not in parts]
    reads = {} if found.reads is None else {number: found.reads[number] for number in missing}
    output = PersistOutput(version, generation, reads, miss.earlier.perhaps, node.parallelism)
    want = Want(node.inputs[0], output, missing) if missing else None
    return _Work(node, version, generation, parts, taken, want, missed)


def _said(run: RunContext, work: _Work) -> str | None:
    """Say why a persist has to be computed; one that is not looked up goes when the run ends."""
    if work.missed is None:
        run.at_hand.temporary.add(work.version)
        return None
    return run.on_miss(work.missed)


def _committed(
    run: RunContext,
    work: _Work,
    generation: str | None,
    new: Mapping[int, Part],
    why: str | None,
    began: float,
) -> Persisted:
    node, parts = work.node, {**work.parts, **new}
    manifest = Manifest(
        job_id=run.index.job_id,
        version=work.version,
        generation=generation or FIRST_GENERATION,
        name=title(node),
        operators=operators(node),
        parts=[parts[number] for number in range(node.parallelism)],
        seconds=time.perf_counter() - began,
        created=time.time(),
    )
    manifest = commit_manifest(run.index.store, manifest, replace=node.refresh, taken=work.taken)
    if run.keep_versions is not None and run.is_alone():
        held = {each.manifest.version for each in run.at_hand.persisted.values()}
        chain = manifest.version.partition("/")[0]
        keep_versions(
            run.index.store, manifest.job_id, chain, run.keep_versions, held | {manifest.version}
        )
    own = run.settings.run_id
    reused = sum(part.run_id != own or part.copy_of != "" for part in manifest.parts)
    return Persisted(manifest, reused or False, why=why)


def _parts(run: RunContext, target: Target, attempt: int) -> list[tuple[str, dict[int, Part]]]:
    found = []
    for committed in computed(run, target, attempt):
        generations = {each.generation for each in committed.values()}
        if len(generations) > 1:
            raise DealChangedError("partitions were computed from different deals")
        parts = {number: each.part for number, each in committed.items()}
        found.append((generations.pop(), parts))
    return found


def keep(run: RunContext, found: Found, resolved: Resolved, submit: Submit) -> None:
    """Compute a cache, and keep its partitions where they are."""
    node, tree = found.node, found.tree
    if isinstance(tree, Tree):
        _check_unchanged(run, found, tree)
    elif tree is not None:
        # What it is computed from may change: a persist below raises this, now or later.
        tree = anew(tree)
    target = packed(run, resolved, Want(node.inputs[0], BlockOutput(), range(node.parallelism)))

    def kept(target: Target, attempt: int) -> Cached:
        made, scheduler = lowered(run, target, attempt), run.scheduler()
        (groups,) = made.groups
        entries = scheduler.keep(made.graph, [key for key, _ in groups])
        occurring = scheduler.compute(*asking_for_classes(entries))
        classes = frozenset[tuple[str, str]]().union(*occurring)
        given = [group for _, group in groups]
        return Cached(given, entries, found.dealt, classes, tree, found.reads)

    run.at_hand.keep(node, submit(target, kept))


def _check_unchanged(run: RunContext, found: Found, tree: Tree) -> None:
    """Make sure that a cache that was lost comes back as it was: what is below counts on that."""
    before = run.at_hand.lost.get(found.node.mark)
    if before is not None and isinstance(before.tree, Tree) and before.tree.digest != tree.digest:
        raise DTSetError(
            f"the cache {found.node.name or found.node.mark.number} was lost with its workers, and what it was "
            "computed from has changed since: cache() it again"
        )
