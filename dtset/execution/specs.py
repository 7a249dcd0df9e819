"""The specs of operators: what a worker is told of a plan's node."""

from __future__ import annotations

from typing import Any

from dtset.operators.call import CallSpec, Signature
from dtset.operators.operator import Action
from dtset.plan.attempts import Attempts
from dtset.plan.nodes import Content, Node, Source, described, through_links
from dtset.plan.user_function import UserFunction


def spec_of(node: Node, job_id: str, chain: str) -> CallSpec[Any]:
    """Spec of an operator; what its functions see of it is the same in every run of the same program."""
    name = node.operator.name
    return CallSpec(
        operator=node.operator,
        key=str(node.mark.number),
        label=described(node).removeprefix(name).strip(),
        id=f"{name}-{chain[:12]}",
        name=node.name or name,
        seed=f"{job_id}/{chain}",
        parallelism=node.parallelism,
        signatures={
            role: _signature(function_key(node, role), made)
            for role, made in node.functions.items()
        },
        params=node.params,
        attempts=node.attempts,
        content=through_links(node.inputs[0]).operator.content if node.inputs else Content.ELEMENTS,
    )


def action_spec(
    action: Action,
    function: UserFunction | None,
    parallelism: int,
    attempts: Attempts | None = None,
) -> CallSpec[Action]:
    """Spec of an action, whose function is shipped under `action_key`."""
    signatures = {
        role: _signature(action_key(action, role), function)
        for role in action.takes
        if function is not None
    }
    return CallSpec(
        operator=action,
        key=action.name,
        label="" if function is None else function.label,
        id=action.name,
        name=action.name,
        parallelism=parallelism,
        signatures=signatures,
        attempts=attempts,
    )


def action_key(action: Action, role: str) -> str:
    """Where a program holds a function of an action."""
    return f"{action.name}#{role}"


def function_key(node: Node, role: str) -> str:
    """Where a program holds a function of a node."""
    return f"{node.operator.name}#{node.mark.number}/{role}"


def sees_ctx(node: Node) -> bool:
    """Whether functions of a node are passed a `TSetContext`; a source's data may be."""
    return isinstance(node, Source) or any(made.takes_ctx for made in node.functions.values())


def _signature(key: str, function: UserFunction) -> Signature:
    return Signature(key, function.form, function.takes_ctx, function.is_async)
