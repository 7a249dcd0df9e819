"""What the persists that an action depends on would find, before anything is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dask.utils import format_bytes

from dtset.checkpoint.explain import Reason, missed_said
from dtset.checkpoint.layout import fingerprint_of
from dtset.errors import FingerprintError
from dtset.execution.resolve import Found, Resolved, State
from dtset.fingerprint.tree import Tree
from dtset.plan.nodes import described, operators, through_links, title


@dataclass(frozen=True)
class PersistPreview:
    """What one persist would find.

    The `state` is ``hit``, ``partial``, ``miss``; ``computed``: this run has computed it; ``depends on``: what it
    would find is not known before the persists and caches above it have been run, which `why` names then. Else `why`
    is the first thing that differs from the last run. Of the partitions that are found, those `taken` over from other
    versions are copied: in an object store by so many requests for `copies`.
    """

    name: str
    state: str
    found: int
    partitions: int
    why: str | None
    operators: tuple[str, ...]
    fingerprint: str | None
    taken: int = 0
    copies: int = 0
    nbytes: int = 0

    def __str__(self) -> str:
        return f"{self.name}: {self.said}"

    @property
    def said(self) -> str:
        """The state in words: ``miss: global LIMIT in etl.clean: 5 → 6``."""
        if self.state == State.DEPENDS:
            return f"{self.state} {self.why}"
        state = self.state
        if self.state == State.PARTIAL:
            state = missed_said(self.partitions, self.found, self.taken)
        said = f"{state}: {self.why}" if self.why else state
        if self.copies:
            said += f" ({self.copies:,} copies in the store, {format_bytes(self.nbytes)})"
        return said


@dataclass(frozen=True, repr=False)
class RunPlan:
    """What the persists of a flow would find, in the order in which they would be run; as text, a line for each."""

    target: str
    persists: tuple[PersistPreview, ...]

    def __str__(self) -> str:
        if not self.persists:
            return f"{self.target} depends on nothing persisted"
        return "\n".join(map(str, self.persists))

    __repr__ = __str__


def preview(
    resolved: Resolved, explain: Callable[..., Reason], *, is_remote: bool = False
) -> RunPlan:
    """Say what was found of a plan; `explain` says why one is missing, given how many are to be run `ahead` of it."""
    persists = (
        _of_persist(found, explain, is_remote=is_remote)
        for found in resolved.stored
        if found.node.durable
    )
    node = resolved.plan
    return RunPlan(node.name or described(through_links(node)), tuple(persists))


def _of_persist(found: Found, explain: Callable[..., Reason], *, is_remote: bool) -> PersistPreview:
    if found.state is State.DONE and found.persisted is not None:
        done, manifest = found.persisted, found.persisted.manifest
        state = State.HIT if done.hit is True else State.DONE
        whole, made = manifest.partitions, tuple(manifest.operators)
        return PersistPreview(
            manifest.name, state.value, whole, whole, done.why, made, manifest.fingerprint
        )
    if isinstance(found.tree, FingerprintError):
        raise found.tree
    node = found.node
    there, why, fingerprint = 0, None, None
    if found.persisted is not None and isinstance(found.tree, Tree):
        there, fingerprint = node.parallelism, found.tree.digest
        why = "accepted for the present program" if found.persisted.accepted_for else None
    elif found.state is State.DEPENDS:
        why = ", ".join(found.depends_on)
    elif found.missed is None:
        why = "checkpointing is off"
    else:
        there, fingerprint = found.missed.found, fingerprint_of(found.missed.version)
        why = explain(found.missed, ahead=found.ahead).words
    made = tuple(operators(node))
    taken = found.taken
    return PersistPreview(
        title(node),
        found.state.value,
        there,
        node.parallelism,
        why,
        made,
        fingerprint,
        len(taken),
        sum(origin.objects for origin in taken) if is_remote else 0,
        sum(origin.part.summary.nbytes for origin in taken) if is_remote else 0,
    )
