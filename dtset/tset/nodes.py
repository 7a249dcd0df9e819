"""Nodes that operations make, of what they were given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dtset.io.function_files import function_files
from dtset.operators.operator import Mover, Step, function_of
from dtset.plan.attempts import Trying
from dtset.plan.nodes import Apply, Exchange, Node
from dtset.tset.checks import attempts_of

if TYPE_CHECKING:
    from dtset.io.files import Urls


def applied(
    operator: Step,
    node: Node,
    f: Callable[..., Any],
    depends_on: Urls | None,
    trying: Trying | None = None,
    **params: object,
) -> Apply:
    """Return the node of an operation over each partition."""
    functions = function_of(operator, f)
    attempts = attempts_of(operator, functions, trying or {})
    return Apply(
        operator=operator,
        inputs=(node,),
        functions=functions,
        params={**params, **(attempts.counted() if attempts else {})},
        attempts=attempts,
        files=function_files(depends_on),
    )


def exchanged(
    operator: Mover, node: Node, parallelism: int, f: Callable[..., Any], depends_on: Urls | None
) -> Exchange:
    """Return the node of an operation that moves elements."""
    return Exchange(
        operator=operator,
        inputs=(node,),
        parallelism=parallelism,
        functions=function_of(operator, f),
        files=function_files(depends_on),
    )
