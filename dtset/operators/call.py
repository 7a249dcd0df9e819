"""What an operator is called with: its spec, which travels, and the call, for one partition on a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from dtset.operators.kernels.failure import Place
from dtset.plan.attempts import Attempts
from dtset.plan.context import TSetContext
from dtset.plan.nodes import Content, SourceData
from dtset.plan.user_function import Form

FUNCTION = "function"
"""The role of the one function of an operator that takes one."""

O_co = TypeVar("O_co", covariant=True)


@dataclass(frozen=True)
class Signature:
    """How a function of the user's is called; the function itself travels apart.

    The `key` is where the program holds the function.
    """

    key: str
    form: Form
    takes_ctx: bool
    is_async: bool = False


@dataclass(frozen=True)
class CallSpec(Generic[O_co]):
    """An operator in a stage, as it travels.

    Functions are by role. The `key` is where the program holds what a source reads; `seed` is what ``ctx.random`` is
    seeded with, besides the partition; `content` is what its input holds, for a compute.
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
    attempts: Attempts | None = None
    content: Content = Content.ELEMENTS


# Not frozen: one is made for each operator and partition, and a frozen one takes four times as long to make.
@dataclass(slots=True)
class Call:
    """An operator's call for one partition.

    Functions are by role. `limit` is about how many elements a batch has; a mover sends from `sources` to `targets`
    partitions, and from its input of the number `side`.
    """

    spec: CallSpec[Any]
    functions: Mapping[str, Any]
    ctx: TSetContext
    place: Place
    limit: int
    data: SourceData | None = None
    sources: int = 1
    targets: int = 1
    side: int = 0
    run_id: str = ""

    def function(self, role: str = FUNCTION) -> Any:
        """Return the function of a role."""
        return self.functions[role]

    def form(self, role: str = FUNCTION) -> Form:
        """Return the form in which a function is called."""
        return self.spec.signatures[role].form

    def passed_ctx(self, role: str = FUNCTION) -> TSetContext | None:
        """Return the context that a function is passed, None if it takes none."""
        return self.ctx if self.spec.signatures[role].takes_ctx else None
