"""A persist: taken over where it is in the store, else computed as far as it is missing, and committed."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from dtset.checkpoint.explain import Missed
from dtset.checkpoint.manifest import Manifest, commit_manifest
from dtset.checkpoint.part import Part
from dtset.checkpoint.resolution import Miss
from dtset.errors import DTSetError, FingerprintError, UsageError
from dtset.exchange.deal import DealChangedError
from dtset.execution.at_hand import Persisted
from dtset.execution.lower import Target
from dtset.execution.outputs import FIRST_GENERATION, Committed, PersistOutput
from dtset.execution.resolve import Found, Resolved, resolve
from dtset.execution.submit import RunContext, Submit, computed, packed
from dtset.plan.nodes import Stored, operators, title

# How often what is packed is packed again, as what it reads has changed meanwhile.
_MOST_TRIES = 4


@dataclass(frozen=True)
class _Work:
    """What is missing of a persist: nothing if there is no target; nothing that is told with checkpointing off."""

    node: Stored
    fingerprint: str
    generation: str | None
    parts: Mapping[int, Part]
    target: Target | None
    missed: Missed | None


def persist(run: RunContext, found: Found, resolved: Resolved, submit: Submit) -> None:
    """Take a persist over, or compute what is missing of it and commit it."""
    node, began = found.node, time.perf_counter() - found.seconds
    if not node.inputs:
        raise UsageError(
            f"the persisted TSet {node.name or node.mark.number} was unpersisted: its data are gone. Persist it again"
        )
    work = found.persisted or _packed(run, found, resolved)
    persisted = _committed(run, work, submit, began) if isinstance(work, _Work) else work
    # Whatever another program, or another persist of the same, called it.
    persisted = replace(persisted, manifest=replace(persisted.manifest, name=title(node)))
    run.at_hand.take(node, persisted)
    run.on_persist(persisted, time.perf_counter() - began)


def _packed(run: RunContext, found: Found, resolved: Resolved) -> _Work | Persisted:
    """Pack what is missing of a persist; if what it reads changes meanwhile, it is looked up again."""
    for _ in range(_MOST_TRIES):
        if found.persisted is not None:
            return found.persisted
        if isinstance(found.tree, FingerprintError):
            raise found.tree
        run.check_writable()
        work = _work(run, found, resolved)
        if work.target is None or found.tree is None:
            return work
        if run.index.fingerprint(work.target.node, run.at_hand).digest == found.tree.digest:
            return work
        # Another thread has changed what functions read between their fingerprint and their packing.
        resolved = resolve(found.node, run.at_hand, run.index, to_run=True)
        found = resolved.stored[-1]
    raise DTSetError(
        f"what {title(found.node)} is computed from changes all the time, so that it cannot be said what was "
        "packed for the workers: let the thread that changes it finish, or pass a copy"
    )


def _work(run: RunContext, found: Found, resolved: Resolved) -> _Work:
    """What is missing of a persist, packed."""
    node, missed, generation = found.node, found.missed, found.generation
    fingerprint = uuid.uuid4().hex * 2 if missed is None else missed.fingerprint
    parts = dict(found.resolution.parts) if isinstance(found.resolution, Miss) else {}
    if node.refresh:
        generation, parts = f"r{uuid.uuid4().hex}", {}
    missing = [number for number in range(node.parallelism) if number not in parts]
    target = None
    if missing:
        output = PersistOutput(fingerprint, generation)
        target = packed(run, resolved, node.inputs[0], output, missing)
    return _Work(node, fingerprint, generation, parts, target, missed)


def _committed(run: RunContext, work: _Work, submit: Submit, began: float) -> Persisted:
    """Compute what is missing of a persist, and commit all of it."""
    node, generation, parts = work.node, work.generation, dict(work.parts)
    why = None if work.missed is None else run.on_miss(work.missed)
    if work.missed is None:
        run.at_hand.temporary.add(work.fingerprint)
    if work.target is not None:
        generation, new = submit(work.target, partial(_parts, run))
        parts.update(new)
    manifest = Manifest(
        job_id=run.index.job_id,
        fingerprint=work.fingerprint,
        generation=generation or FIRST_GENERATION,
        name=title(node),
        operators=operators(node),
        parts=[parts[number] for number in range(node.parallelism)],
        seconds=time.perf_counter() - began,
        created=time.time(),
    )
    manifest = commit_manifest(run.index.store, manifest, replace=node.refresh)
    reused = sum(part.run_id != run.settings.run_id for part in manifest.parts)
    return Persisted(manifest, reused or False, why=why)


def _parts(run: RunContext, target: Target, attempt: int) -> tuple[str, dict[int, Part]]:
    """Compute and commit partitions: the generation they belong to, and their records."""
    committed: dict[int, Committed] = computed(run, target, attempt)
    generations = {each.generation for each in committed.values()}
    if len(generations) > 1:
        raise DealChangedError("partitions were computed from different deals")
    return generations.pop(), {number: each.part for number, each in committed.items()}
