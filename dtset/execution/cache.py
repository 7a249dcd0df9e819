"""A cache: elements as they are when it is run, whatever its functions read later."""

from __future__ import annotations

from dtset.errors import DTSetError
from dtset.execution.at_hand import Cached, anew
from dtset.execution.lower import Target, Want, asking_for_classes
from dtset.execution.outputs import BlockOutput
from dtset.execution.resolve import Found, Resolved
from dtset.execution.submit import RunContext, Submit, lowered, packed
from dtset.fingerprint.tree import Tree


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
        return Cached([group for _, group in groups], entries, found.dealt, classes, tree)

    run.at_hand.keep(node, submit(target, kept))


def _check_unchanged(run: RunContext, found: Found, tree: Tree) -> None:
    """Make sure that a cache that was lost comes back as it was: what is below counts on that."""
    before = run.at_hand.lost.get(found.node.mark)
    if before is not None and isinstance(before.tree, Tree) and before.tree.digest != tree.digest:
        raise DTSetError(
            f"the cache {found.node.name or found.node.mark.number} was lost with its workers, and what it was "
            "computed from has changed since: cache() it again"
        )
