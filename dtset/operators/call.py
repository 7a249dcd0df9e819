"""What an operator is called with: its spec, which travels, and the call, for one partition on a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from dtset.operators.kernels.failure import Place
from dtset.plan.context import TSetContext
from dtset.plan.nodes import Content, SourceData
from dtset.plan.user_function import Form

__all__ = ["FUNCTION", "Call", "CallSpec", "Signature"]

FUNCTION = "function"
"""The role of the one function of an operator that takes one."""

O_co = TypeVar("O_co", covariant=True)


@dataclass(frozen=True)
class Signature:
    """How a function of the user's is called; the function itself travels apart.

    Parameters
    ----------
    key : str
        Where the program holds it.
    form : Form
        In which form it is called.
    takes_ctx : bool
        Whether it is passed a `TSetContext`.
    """

    key: str
    form: Form
    takes_ctx: bool


@dataclass(frozen=True)
class CallSpec(Generic[O_co]):
    """An operator in a stage, as it travels.

    Parameters
    ----------
    operator : object
        What it is.
    key : str
        Its node in this plan: where the program holds what a source reads.
    label, id, name : str
        Its functions as messages call them, and what ``ctx`` says of it.
    seed : str
        What ``ctx.random`` is seeded with, besides the partition.
    parallelism : int
        Number of partitions of its result.
    signatures : mapping of str to Signature
        Its functions, by role.
    params : mapping of str to object
        Plain values that decide what it does.
    sides : tuple of str
        Names of its side inputs.
    content : Content
        What its input holds, for a compute.
    """

    operator: O_co
    key: str
    label: str
    id: str
    name: str
    seed: str = ""
    parallelism: int = 1
    signatures: Mapping[str, Signature] = field(default_factory=dict)
    params: Mapping[str, object] = field(default_factory=dict)
    sides: tuple[str, ...] = ()
    content: Content = Content.ELEMENTS


@dataclass(frozen=True)
class Call:
    """An operator's call for one partition.

    Parameters
    ----------
    signatures : mapping of str to Signature
        How its functions are called, by role.
    functions : mapping of str to callable
        The functions, by role.
    params : mapping of str to object
        Plain values that decide what it does.
    ctx : TSetContext
        What functions are told about where they run.
    place : Place
        Where it runs, for notes on errors.
    limit : int
        About how many elements a batch has.
    content : Content
        What a compute is given.
    data : SourceData or None
        What a source reads.
    sources, targets : int
        From how many partitions to how many a mover sends.
    side : int
        Which of its inputs a mover sends from.
    """

    signatures: Mapping[str, Signature]
    functions: Mapping[str, Any]
    params: Mapping[str, object]
    ctx: TSetContext
    place: Place
    limit: int
    content: Content = Content.ELEMENTS
    data: SourceData | None = None
    sources: int = 1
    targets: int = 1
    side: int = 0

    def function(self, role: str = FUNCTION) -> Any:
        """Return the function of a role."""
        return self.functions[role]

    def form(self, role: str = FUNCTION) -> Form:
        """Return the form in which a function is called."""
        return self.signatures[role].form

    def passed_ctx(self, role: str = FUNCTION) -> TSetContext | None:
        """Return the context that a function is passed, None if it takes none."""
        return self.ctx if self.signatures[role].takes_ctx else None
