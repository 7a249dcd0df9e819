"""What a run has at hand: persisted TSets, caches and sequences, each for as long as its node is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary, finalize

from dtset.checkpoint.manifest import Manifest
from dtset.checkpoint.present_classes import module_and_name
from dtset.errors import FingerprintError
from dtset.execution.inputs import BlockInput, LoadInput
from dtset.execution.schedulers.scheduler import Key
from dtset.fingerprint.tree import Tree
from dtset.plan.nodes import Mark, Node
from dtset.plan.reads import Reads


@dataclass(frozen=True)
class Persisted:
    """What became of a persist: a hit, computed, or as many partitions were there; and for which version it was accepted."""

    manifest: Manifest
    hit: bool | int
    accepted_for: str | None = None
    why: str | None = None

    @property
    def input(self) -> LoadInput:
        """Where tasks read it."""
        found = self.manifest
        return LoadInput(found.name, found.path, {part.partition: part for part in found.parts})


@dataclass(frozen=True)
class Cached:
    """Partitions that lie in memory: by groups, whose entries belong into graphs that read them.

    `dealt` says whether an exchange decided which elements are in which partition; `tree` what they were computed
    from, as it was then, or why that cannot be said, and `reads` what each partition read, unless that was dealt.
    """

    groups: Sequence[Sequence[int]]
    entries: Mapping[Key, Any] = field(repr=False)
    dealt: bool
    classes: frozenset[tuple[str, str]]
    tree: Tree | FingerprintError | None = field(default=None, repr=False)
    reads: Sequence[Reads] | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class AtHand:
    """What a run has at hand, by the marks of nodes: it goes when the last copy of a node does.

    `lost` caches were lost with their workers, and are not there again yet; `temporary` are the versions of
    what goes from the store when the run ends.
    """

    persisted: WeakKeyDictionary[Mark, Persisted] = field(default_factory=WeakKeyDictionary)
    cached: WeakKeyDictionary[Mark, Cached] = field(default_factory=WeakKeyDictionary)
    lost: WeakKeyDictionary[Mark, Cached] = field(default_factory=WeakKeyDictionary)
    sequences: WeakKeyDictionary[Mark, BlockInput | LoadInput] = field(
        default_factory=WeakKeyDictionary
    )
    classes: set[tuple[str, str]] = field(default_factory=set)
    temporary: set[str] = field(default_factory=set)
    _left: list[str] = field(default_factory=list)

    def has(self, node: Node) -> bool:
        """Whether the elements of a node were persisted or cached."""
        return node.mark in self.persisted or node.mark in self.cached

    def take(self, node: Node, persisted: Persisted) -> None:
        """Take a committed TSet for what a node stands for."""
        self.persisted[node.mark] = persisted
        self.classes.update(map(module_and_name, persisted.manifest.classes))

    def keep(self, node: Node, cached: Cached) -> None:
        """Take partitions in memory for what a node stands for."""
        self.cached[node.mark] = cached
        self.lost.pop(node.mark, None)
        self.classes.update(cached.classes)

    def bring(self, node: Node, sequence: BlockInput | LoadInput) -> None:
        """Take note of where a sequence is; what lies in the store is left behind when its node is gone."""
        self.sequences[node.mark] = sequence
        if isinstance(sequence, LoadInput):
            finalize(node.mark, self._left.append, sequence.path).atexit = False

    def left(self) -> Iterator[str]:
        """Paths in the store that nobody reads any more, each of them once."""
        while self._left:
            yield self._left.pop()

    def lose(self, node: Node) -> None:
        """Take note that a cache was lost: it has to come back as it was."""
        self.lost[node.mark] = self.cached.pop(node.mark)

    def forget(self, node: Node) -> None:
        """Let go of a cache's memory, or of what is known of a persist."""
        for known in (self.persisted, self.cached, self.lost):
            known.pop(node.mark, None)

    def clear(self) -> None:
        """Let go of everything."""
        for known in (self.persisted, self.cached, self.lost, self.sequences):
            known.clear()


def anew(error: FingerprintError) -> FingerprintError:
    """Return an error that says the same, without the frames that it was raised in: these hold nodes."""
    made = FingerprintError(*error.args)
    for note in getattr(error, "__notes__", ()):
        made.add_note(note)
    return made
