"""Nodes that operations make, of what they were given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from dtset.io.function_files import function_files
from dtset.operators.call import FUNCTION
from dtset.operators.kernels.ranking import COMPARATOR
from dtset.operators.links import GATHER
from dtset.operators.operator import Mover, Step, function_of
from dtset.operators.partitioners import PARTITIONERS
from dtset.operators.partitioning import LENGTHS, PARTITIONER, REPARTITION
from dtset.operators.places import LENGTH
from dtset.operators.sorting import BOUNDARIES, FIND_BOUNDARIES, SAMPLE_KEYS, SORT_BY_KEY
from dtset.plan.attempts import Trying
from dtset.plan.nodes import Apply, Exchange, Node, Stored
from dtset.plan.partition_func import PartitionFunc
from dtset.plan.user_function import UserFunction
from dtset.tset.checks import attempts_of

if TYPE_CHECKING:
    from dtset.io.files import Urls

T = TypeVar("T")
Partition: TypeAlias = Callable[[T], int] | PartitionFunc
"""What names the partition that something goes to."""


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
    operator: Mover, node: Node, parallelism: int, f: Any, depends_on: Urls | None
) -> Exchange:
    """Return the node of an operation that moves elements."""
    return keyed_exchange(operator, (node,), parallelism, {FUNCTION: f}, depends_on)


def keyed_exchange(
    operator: Mover,
    inputs: tuple[Node, ...],
    parallelism: int,
    given: Mapping[str, Any],
    depends_on: Urls | None = None,
    **params: object,
) -> Exchange:
    """Return the node of an operation that moves elements by functions in several roles, some of which are None."""
    functions: dict[str, UserFunction] = {}
    for role, function in given.items():
        if type(function) in PARTITIONERS.values():
            params[PARTITIONER] = function.name
        elif function is not None:
            functions |= function_of(operator, function, role)
    return Exchange(
        operator=operator,
        inputs=inputs,
        parallelism=parallelism,
        functions=functions,
        params=params,
        files=function_files(depends_on),
    )


def sorted_by_key(
    node: Node,
    parallelism: int,
    comparator: Callable[[Any, Any], int] | None,
    depends_on: Urls | None,
    **params: object,
) -> Exchange:
    """Return the node of a sort, with boundaries for its partitions that are found before."""
    given = {COMPARATOR: comparator}
    made = keyed_exchange(SORT_BY_KEY, (node,), parallelism, given, depends_on, **params)
    if parallelism == 1:
        return made
    sample = Apply(operator=SAMPLE_KEYS, inputs=(node,))
    params = {"ascending": params["ascending"], "partitions": parallelism}
    found = keyed_exchange(FIND_BOUNDARIES, (sample,), 1, given, depends_on, **params)
    return replace(made, sides={BOUNDARIES: Stored(durable=False, inputs=(found,))})


def repartitioned(node: Node, parallelism: int) -> Exchange:
    """Return the node of a repartition, with the lengths of partitions, which are counted before."""
    counted = Apply(operator=LENGTH, inputs=(node,))
    lengths = Exchange(operator=GATHER, inputs=(counted,), parallelism=1)
    sides: dict[str, Node] = {LENGTHS: Stored(durable=False, inputs=(lengths,))}
    return Exchange(operator=REPARTITION, inputs=(node,), parallelism=parallelism, sides=sides)
