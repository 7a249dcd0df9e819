"""Arguments of operations, checked before anything is made or run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from dtset.errors import ConfigurationError, UsageError
from dtset.io.function_files import function_files
from dtset.operators.operator import Mover, Step, function_of
from dtset.plan.nodes import Apply, Exchange, Node, Stored
from dtset.plan.user_function import UserFunction
from dtset.session.arguments import a_number
from dtset.tset.handle import Handle, check_name

if TYPE_CHECKING:
    from dtset.io.files import Urls

__all__ = ["applied", "check_input", "check_zipped", "exchanged", "partitions_of"]


def applied(
    operator: Step, node: Node, f: Callable[..., Any], depends_on: Urls | None, **params: object
) -> Apply:
    """Return the node of an operation over each partition."""
    return Apply(
        operator=operator,
        inputs=(node,),
        functions=function_of(operator, f),
        params=params,
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


def partitions_of(said: str, given: object, default: int) -> int:
    """Return the number of partitions that an operation was given, or its default."""
    number = default if given is None else a_number(given, least=1)
    if number is None:
        raise ConfigurationError(
            f"{said} takes a number of partitions from 1 on, and was given {given!r}"
        )
    return number


def check_zipped(said: str, first: Handle[Any], others: Iterable[object]) -> None:
    """Make sure that partitions of the same number can be put together."""
    for other in others:
        if not isinstance(other, Handle):
            raise UsageError(f"{said} takes a TSet, or a sequence of such, and was given {other!r}")
        first._session.check_own(other, other._session)
        if other.parallelism != first.parallelism:
            raise ConfigurationError(
                f"{said} puts partitions of the same number together: {first.name} has {first.parallelism} partitions "
                f"and {other.name} has {other.parallelism}. Give their sources the same parallelism="
            )


def check_input(to: Handle[Any], name: str, stored: Handle[Any]) -> None:
    """Make sure that stored elements can be a side input."""
    check_name("add_input()", name)
    if isinstance(to._node, Stored) or not any(map(_sees_ctx, to._node.functions.values())):
        raise UsageError(
            f"add_input({name!r}) of {to.name}, whose function takes no ctx and could not ask for it: call it on "
            "the result of an operation with a function f(x, ctx) or f(itr, ctx)"
        )
    if not isinstance(stored, Handle) or not isinstance(stored._node, Stored):
        raise UsageError(
            f"add_input({name!r}) takes cached or persisted elements, and was given {stored!r}: call its cache() or "
            "persist() first"
        )
    to._session.check_own(stored, stored._session)
    if stored.parallelism not in (1, to.parallelism):
        raise ConfigurationError(
            f"add_input({name!r}): {stored.name} has {stored.parallelism} partitions and {to.name} has "
            f"{to.parallelism}: give one as many as the other, or one partition"
        )


def _sees_ctx(function: UserFunction) -> bool:
    """Whether a function is passed a `TSetContext`: also a source object's ``prepare`` is."""
    return function.takes_ctx or hasattr(function.function, "prepare")
