"""What operators are made of: steps, movers, readers, zippers, actions.

An operator is described once, in a file of this folder: what it is called, which functions of the user's it
takes in which forms, and what it does. All else treats operators alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from dtset.operators.call import FUNCTION, Call
from dtset.operators.kernels.batching import Batches
from dtset.operators.kernels.driver import Handler
from dtset.plan.nodes import Content
from dtset.plan.user_function import Accepted, UserFunction, user_function
from dtset.storage.batch import Batch

Pull: TypeAlias = Callable[[Batches], Batches]


@dataclass(frozen=True)
class Step:
    """An operator over the elements of each partition, fused with its neighbours.

    For a call, `run` returns handlers that batches are handed to, one after the other, or, of what takes all batches
    of a partition as one iterator, a function from batches to batches. A link gives what it reads as it is; of an
    independent one, a partition of the result depends on the same partition of the input only.
    """

    name: str
    run: Callable[[Call], Sequence[Handler] | Pull]
    takes: Mapping[str, Accepted] = field(default_factory=dict, repr=False)
    is_link: bool = False
    is_independent: bool = True
    content: Content = Content.ELEMENTS


@dataclass(frozen=True)
class Mover:
    """An operator that moves elements between partitions.

    Of the batches of a partition, `send` gives batches with the partitions they go to. Of what was sent to a partition,
    a stream for each input, in the order of the partitions it came from, `receive` makes the batches of the result.
    What a merging one sent may be received and sent again on the way, so that a tree of tasks gathers it;
    `of_nothing` is what is raised of a partition that receives nothing, if that is an error.
    """

    name: str
    send: Callable[[Batches, Call], Iterator[tuple[int, Batch]]]
    receive: Callable[[Sequence[Batches], Call], Batches]
    takes: Mapping[str, Accepted] = field(default_factory=dict, repr=False)
    is_merging: bool = False
    of_nothing: str | None = None
    content: Content = Content.ELEMENTS
    is_link: bool = field(default=False, init=False)
    is_independent: bool = field(default=False, init=False)


@dataclass(frozen=True)
class Zipper:
    """An operator that puts partitions of several inputs together: those that its node says."""

    name: str
    put: Callable[[Sequence[Batches], Call], Batches]
    takes: Mapping[str, Accepted] = field(default_factory=dict, init=False, repr=False)
    is_link: bool = field(default=False, init=False)
    is_independent: bool = field(default=True, init=False)
    content: Content = field(default=Content.ELEMENTS, init=False)


@dataclass(frozen=True)
class Reader:
    """An operator that reads elements from outside the plan."""

    name: str
    read: Callable[[Call], Batches]
    takes: Mapping[str, Accepted] = field(default_factory=dict, repr=False)
    is_link: bool = field(default=False, init=False)
    is_independent: bool = field(default=True, init=False)
    content: Content = field(default=Content.ELEMENTS, init=False)


@dataclass(frozen=True)
class Action:
    """What an action does on the workers: it uses up a partition, and returns what the driver gets of it."""

    name: str
    consume: Callable[[Batches, Call], Any]
    takes: Mapping[str, Accepted] = field(default_factory=dict, repr=False)


def function_of(
    operator: Step | Mover | Reader | Action, function: object, role: str = FUNCTION
) -> dict[str, UserFunction]:
    """Return the functions of a node, by role, for an operator that was given one.

    Raises
    ------
    UsageError
        It cannot be called in any of the forms that the operator takes.
    """
    return {role: user_function(operator.name, operator.takes[role], function)}
