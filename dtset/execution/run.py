"""A run: carries out the actions of one process of a job, persists and caches before what needs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from dtset.errors import DTSetError
from dtset.execution.at_hand import AtHand
from dtset.execution.lower import Target, Want
from dtset.execution.outputs import Output
from dtset.execution.persist import keep, persist, persist_together
from dtset.execution.resolve import Resolved, resolve
from dtset.execution.submit import RunContext, computed, packed
from dtset.plan.nodes import Node, described, topological

_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class Run:
    """Carries out the actions of one process of a job."""

    context: RunContext

    @property
    def at_hand(self) -> AtHand:
        """What the run has computed or found so far."""
        return self.context.at_hand

    def evaluate(
        self,
        node: Node,
        output: Output,
        partitions: Sequence[int] | None = None,
        functions: Mapping[str, object] | None = None,
        expected: str | None = None,
    ) -> dict[int, Any]:
        """Carry out an action on some or all partitions, of the `expected` fingerprint; return what its output gave for each."""
        resolved = self.prepare(node)
        wanted = range(node.parallelism) if partitions is None else partitions
        want = Want(node, output, wanted)
        target = packed(self.context, resolved, want, functions=functions)
        index = self.context.index
        if expected is not None and index.fingerprint(node, self.at_hand).digest != expected:
            raise DTSetError(
                f"what {described(node)} is computed from has changed while it was packed for the workers: run it again"
            )
        return self._submit(target, partial(computed, self.context))[0]

    def prepare(self, node: Node) -> Resolved:
        """Run the persists and caches that a node depends on, and the node where it is one; return what is at hand then.

        What is in the store is taken over; what comes after the first that has to be computed is looked up
        when that is there, as its fingerprint depends on it.
        """
        for path in self.at_hand.left():
            self.context.index.store.delete(path)
        while True:
            resolved = self.plan(node, to_run=True)
            if not resolved.pending:
                return resolved
            for found in resolved.pending:
                carry_out = persist if found.node.durable else keep
                carry_out(self.context, found, resolved, self._submit)

    def prepare_together(self, nodes: Sequence[Node]) -> None:
        """Run persists that miss and do not depend on one another, and compute once what they have in common."""
        nodes = [node for node in nodes if node.inputs]
        for node in nodes:
            if not self.plan(node).stored[-1].is_known:
                self.prepare(node.inputs[0])
        looked_up = [(resolved.stored[-1], resolved) for resolved in map(self.plan, nodes)]
        found = [(last, resolved) for last, resolved in looked_up if last.is_missing]
        if len(found) > 1:
            persist_together(self.context, found, self._submit)

    def plan(self, node: Node, *, to_run: bool = False) -> Resolved:
        """Look up what a node depends on."""
        return resolve(node, self.at_hand, self.context.index, to_run=to_run)

    def _submit(self, target: Target, carry_out: Callable[[Target, int], _T]) -> _T:
        def attempt(number: int) -> _T:
            self._bring_back(*(want.node for want in target.wants))
            return carry_out(target, number)

        return self.context.resubmission.submitted(attempt)

    def _bring_back(self, *nodes: Node) -> None:
        cached, lost = self.at_hand.cached, self.context.scheduler().lost
        for each in topological(*nodes, until=self.at_hand.has):
            if each.mark in cached and lost(cached[each.mark].entries.values()):
                self.at_hand.lose(each)
                self.prepare(each)
