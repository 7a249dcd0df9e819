"""The steps of operators: what a worker is told of a plan's node."""

from __future__ import annotations

from dtset.execution.stage import Step
from dtset.plan.nodes import PASSED_THROUGH, Exchange, Node, Source, Transform, described

__all__ = ["step_of", "takes_ctx"]


def step_of(node: Source | Transform | Exchange, job_id: str, digest: str) -> Step:
    """Step of an operator; what its functions see of it is the same in every run of the same program."""
    function = None if isinstance(node, Source) else node.function
    takes_value = node.operator == "compute" and _gives_value(node)
    return Step(
        key=str(node.number),
        operator=node.operator,
        label=described(node).removeprefix(node.operator).strip(),
        id=f"{node.operator}-{digest[:12]}",
        name=node.name or node.operator,
        form=None if function is None else function.form,
        takes_ctx=function is not None and function.takes_ctx,
        takes_value=takes_value,
        seed=f"{job_id}/{digest}",
        parallelism=node.parallelism,
    )


def takes_ctx(node: Node) -> bool:
    """Whether functions of a node are passed a `TSetContext`; sources may be."""
    if isinstance(node, Transform):
        return node.function is not None and node.function.takes_ctx
    return isinstance(node, Source)


def _gives_value(node: Source | Transform | Exchange) -> bool:
    """Whether the input of an operator, seen through links, is a reduce."""
    above = node.inputs[0]
    while isinstance(above, Transform) and above.operator in PASSED_THROUGH:
        above = above.input
    return isinstance(above, Exchange) and above.operator == "reduce"
