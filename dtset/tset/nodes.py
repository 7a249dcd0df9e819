"""Nodes that operations make, of what they were given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

from dtset.io.function_files import function_files
from dtset.operators.aggregates import ZERO, zero_of
from dtset.operators.by_key import AGGREGATE_BY_KEY, MERGE
from dtset.operators.call import FUNCTION
from dtset.operators.kernels.ranking import COMPARATOR
from dtset.operators.links import GATHER
from dtset.operators.operator import Mover, Step, function_of
from dtset.operators.partitioners import PARTITIONERS
from dtset.operators.partitioning import (
    LENGTHS,
    PARTITION_FUNCTION,
    PARTITIONER,
    REPARTITION,
)
from dtset.operators.places import LENGTH, STARTS, ZIP_WITH_INDEX
from dtset.operators.sorting import BOUNDARIES, FIND_BOUNDARIES, SAMPLE_KEYS
from dtset.plan.nodes import Apply, Exchange, Node, Stored, Zip
from dtset.plan.partition_func import PartitionFunc
from dtset.plan.user_function import UserFunction
from dtset.session.arguments import a_boolean
from dtset.tset.checks import Given, GivenEach, attempts_of

T = TypeVar("T")
Partition: TypeAlias = Callable[[T], int] | PartitionFunc
"""What names the partition that something goes to."""


def applied(
    operator: Step, node: Node, f: Callable[..., Any], given: GivenEach | Given, **params: object
) -> Apply:
    """Return the node of an operation over each partition."""
    functions = function_of(operator, f)
    attempts = attempts_of(operator, functions, given)
    return Apply(
        operator=operator,
        inputs=(node,),
        functions=functions,
        params={**params, **(attempts.counted() if attempts else {})},
        attempts=attempts,
        files=function_files(given.get("depends_on")),
    )


def exchanged(operator: Mover, node: Node, parallelism: int, f: Any, given: Given) -> Exchange:
    """Return the node of an operation that moves elements."""
    return keyed_exchange(operator, (node,), parallelism, {FUNCTION: f}, given)


def keyed_exchange(
    operator: Mover,
    inputs: tuple[Node, ...],
    parallelism: int,
    by_role: Mapping[str, Any],
    given: Given,
    **params: object,
) -> Exchange:
    """Return the node of an operation that moves elements by functions in several roles, some of which are None."""
    if unknown := given.keys() - {"depends_on"}:
        raise TypeError(f"{operator.name}() got an unexpected keyword argument {min(unknown)!r}")
    functions: dict[str, UserFunction] = {}
    for role, function in by_role.items():
        if type(function) in PARTITIONERS.values():
            params[PARTITIONER] = function.name
            for above in inputs:
                function.check(above.parallelism, parallelism)
        elif function is not None:
            functions |= function_of(operator, function, role)
    return Exchange(
        operator=operator,
        inputs=inputs,
        parallelism=parallelism,
        functions=functions,
        params=params,
        files=function_files(given.get("depends_on")),
    )


def grouping(
    operator: Mover,
    inputs: tuple[Node, ...],
    partition_func: Partition[Any] | None,
    key_comparator: Callable[[Any, Any], int] | None,
    use_disk: bool,
    given: Given,
    **params: object,
) -> Exchange:
    """Return the node of an operation that brings keys together."""
    by_role = {PARTITION_FUNCTION: partition_func, COMPARATOR: key_comparator}
    params["use_disk"] = a_boolean("use_disk", use_disk)
    return keyed_exchange(operator, inputs, inputs[0].parallelism, by_role, given, **params)


def sorted_by_key(
    operator: Mover,
    node: Node,
    parallelism: int,
    comparator: Callable[[Any, Any], int] | None,
    given: Given,
    **params: object,
) -> Exchange:
    """Return the node of a sort, with boundaries for its partitions that are found before."""
    by_role = {COMPARATOR: comparator}
    made = keyed_exchange(operator, (node,), parallelism, by_role, given, **params)
    if parallelism == 1:
        return made
    sample = Apply(operator=SAMPLE_KEYS, inputs=(node,))
    params = {"ascending": params["ascending"], "partitions": parallelism}
    # Where keys cannot be compared, people see the name of what they called.
    finding = replace(FIND_BOUNDARIES, name=operator.name)
    found = keyed_exchange(finding, (sample,), 1, by_role, given, **params)
    return replace(made, sides={BOUNDARIES: Stored(durable=False, late=True, inputs=(found,))})


def aggregated_by_key(
    node: Node, zero: Any, f: Callable[..., Any], g: Callable[..., Any], given: Given
) -> Exchange:
    """Return the node that aggregates values by key."""
    functions = {
        ZERO: zero_of(zero),
        **function_of(AGGREGATE_BY_KEY, f),
        **function_of(AGGREGATE_BY_KEY, g, MERGE),
    }
    files = function_files(given.get("depends_on"))
    return Exchange(operator=AGGREGATE_BY_KEY, inputs=(node,), functions=functions, files=files)


def indexed(node: Node) -> Zip:
    """Return the node of elements with their places: lengths are brought together, and where each partition begins sent back."""
    length = Apply(operator=LENGTH, inputs=(node,))
    lengths = Exchange(operator=GATHER, inputs=(length,), parallelism=1)
    starts = Exchange(operator=STARTS, inputs=(lengths,), parallelism=node.parallelism)
    return Zip(operator=ZIP_WITH_INDEX, inputs=(node, starts))


def repartitioned(node: Node, parallelism: int) -> Exchange:
    """Return the node of a repartition, with the lengths of partitions, which are counted before."""
    counted = Apply(operator=LENGTH, inputs=(node,))
    lengths = Exchange(operator=GATHER, inputs=(counted,), parallelism=1)
    sides: dict[str, Node] = {LENGTHS: Stored(durable=False, late=True, inputs=(lengths,))}
    return Exchange(operator=REPARTITION, inputs=(node,), parallelism=parallelism, sides=sides)
