"""What the persists that an action depends on would find, before anything is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from dtset.checkpoint.explain import Missed, Reason
from dtset.checkpoint.present_classes import present_classes
from dtset.checkpoint.resolution import Hit
from dtset.execution.run import Run
from dtset.fingerprint.node import node_trees, stored_tree
from dtset.fingerprint.tree import Tree
from dtset.plan.nodes import Mark, Node, Stored, operators, title, topological

__all__ = ["PersistPreview", "RunPlan", "preview"]

HIT, PARTIAL, MISS, DEPENDS, DONE = "hit", "partial", "miss", "depends on", "computed"


@dataclass(frozen=True)
class PersistPreview:
    """What one persist would find.

    Parameters
    ----------
    name : str
        What it is called.
    state : str
        ``hit``, ``partial``, ``miss``; ``computed``: this run has computed it; ``depends on``: what it would find
        is not known before the persists and caches above it have been run.
    found, partitions : int
        How many partitions are there, of how many.
    why : str or None
        Why it would be computed: the first thing that differs from the last run; for ``depends on``, the
        names of what it depends on.
    operators : tuple of str
        The operators that make it, from the sources on.
    fingerprint : str or None
        What it would be stored under; None if that is not known yet.
    """

    name: str
    state: str
    found: int
    partitions: int
    why: str | None
    operators: tuple[str, ...]
    fingerprint: str | None

    def __str__(self) -> str:
        return f"{self.name}: {self.said}"

    @property
    def said(self) -> str:
        """The state in words: ``miss: global LIMIT in etl.clean: 5 → 6``."""
        if self.state == DEPENDS:
            return f"{self.state} {self.why}"
        state = (
            f"partial ({self.found} of {self.partitions})" if self.state == PARTIAL else self.state
        )
        return f"{state}: {self.why}" if self.why else state


@dataclass(frozen=True, repr=False)
class RunPlan:
    """What the persists of a flow would find, in the order in which they would be run.

    Its text, which notebooks show too, has a line for each.

    Examples
    --------
    >>> print(RunPlan("total", ()))
    total depends on nothing persisted
    """

    target: str
    persists: tuple[PersistPreview, ...]

    def __str__(self) -> str:
        if not self.persists:
            return f"{self.target} depends on nothing persisted"
        return "\n".join(map(str, self.persists))

    __repr__ = __str__


def preview(run: Run, node: Node, explain: Callable[..., Reason]) -> RunPlan:
    """Look up all persists that a node depends on; nothing is computed, and nothing written.

    Parameters
    ----------
    run : Run
        The run that would carry them out.
    node : Node
        What would be computed.
    explain : callable
        Says why one is missing, given it and, as `ahead`, how many before it are yet to be run.

    Raises
    ------
    FingerprintError
        Something that a persist depends on cannot be fingerprinted.
    """
    stored = run.stored_trees(topological(node)) if run.checkpointing else {}
    pending: dict[Mark, tuple[str, ...]] = {}
    persists: list[PersistPreview] = []
    looked_at: list[Stored] = []
    for each in topological(node):
        if each.mark in run.kept:
            continue
        waited_for = [name for one in each.inputs for name in pending.get(one.mark, ())]
        above = tuple(dict.fromkeys(waited_for))
        if isinstance(each, Stored) and each.durable:
            ahead = sum(one.mark not in run.persisted for one in looked_at)
            found = _of_persist(run, each, above, stored, partial(explain, ahead=ahead))
            looked_at.append(each)
            persists.append(found)
            above = () if found.state in (HIT, DONE) else (found.name,)
        elif isinstance(each, Stored):
            above = (*above, f"the cache of {operators(each.inputs[0])[-1]}")
        if above:
            pending[each.mark] = above
    return RunPlan(node.name or operators(node)[-1], tuple(persists))


def _of_persist(
    run: Run,
    node: Stored,
    above: tuple[str, ...],
    stored: dict[Mark, Tree],
    explain: Callable[[Missed], Reason],
) -> PersistPreview:
    """What one persist would find, or has found; what stands for a hit becomes part of `stored`."""
    done = run.persisted.get(node.mark)
    if done is not None:
        manifest = done.manifest
        made = tuple(manifest.operators)
        state = HIT if done.hit is True else DONE
        whole = manifest.partitions
        return PersistPreview(
            manifest.name, state, whole, whole, done.why, made, manifest.fingerprint
        )
    unknown = PersistPreview(
        title(node), MISS, 0, node.parallelism, None, tuple(operators(node)), None
    )
    if not run.checkpointing:
        return replace(unknown, why="checkpointing is off")
    if above or not node.inputs:
        return replace(unknown, state=DEPENDS, why=", ".join(above))
    tree = node_trees(node.inputs[0], stored, config=run.config, ignore=run.ignore)[
        node.inputs[0].mark
    ]
    resolution = run.resolved(node, tree, stored.keys())
    if isinstance(resolution, Hit) and not node.refresh:
        manifest = resolution.manifest
        classes = present_classes(manifest.classes, run.ignore)
        stored[node.mark] = stored_tree(title(node), manifest.digest, classes)
        why = "accepted for the present program" if resolution.accepted else None
        return replace(unknown, state=HIT, found=node.parallelism, why=why, fingerprint=tree.digest)
    missed = run.missed(node, tree, resolution)
    state = PARTIAL if missed.found else MISS
    why = explain(missed).words
    return replace(
        unknown, state=state, found=missed.found, why=why, fingerprint=missed.fingerprint
    )
