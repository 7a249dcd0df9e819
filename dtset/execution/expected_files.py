"""Files that functions read by themselves: the same at the end of a partition as when they were fingerprinted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dtset.errors import SourceChangedError
from dtset.fingerprint.node import files_tree
from dtset.fingerprint.tree import Tree
from dtset.operators.kernels.batching import Batches
from dtset.plan.nodes import FunctionFiles


@dataclass(frozen=True)
class ExpectedFiles:
    """Files, and the state in which they were fingerprinted."""

    files: FunctionFiles
    expected: Tree

    def check(self) -> None:
        """Make sure that the files are as they were."""
        before, now = _states(self.expected), _states(files_tree(self.files))
        changed = sorted(
            name for name in before.keys() | now.keys() if before.get(name) != now.get(name)
        )
        if changed:
            raise SourceChangedError(
                f"{', '.join(changed)}, named in depends_on=, changed while what depends on it was computed: "
                "run again, to read it as it is now"
            )


def _states(tree: Tree) -> dict[str, str]:
    """Digests of files' states by their names, without what is another on each machine."""
    return {each.name: each.digest for each in tree.children if each.name.startswith("file ")}


def unchanged(batches: Batches, files: Sequence[ExpectedFiles]) -> Batches:
    """Pass batches on; when all have been used, and before they are committed, look at the files again."""
    yield from batches
    for each in files:
        each.check()
