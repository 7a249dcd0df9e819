"""What a TSet is before it does anything: a handle on a node of the plan, with a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Generic, NoReturn, Self, TypeVar

from dtset.errors import ConfigurationError, UsageError
from dtset.plan.nodes import Node
from dtset.session.session import Session

T = TypeVar("T")


def check_name(said: str, name: object) -> None:
    """Make sure that a name can be shown anywhere."""
    if not isinstance(name, str) or not name or not name.isprintable():
        raise ConfigurationError(
            f"{said} takes a name of printable characters, and was given {name!r}"
        )


class Handle(Generic[T]):
    """A node of a plan, and the session that computes it."""

    _is_keyed = False

    def __init__(self, session: Session, node: Node) -> None:
        self._session = session
        self._node = node

    @property
    def id(self) -> str:
        """Label of the TSet in this process."""
        return f"{self._node.operator.name}-{self._node.mark.number}"

    @property
    def name(self) -> str:
        """The name given with `set_name`, else that of the operator."""
        return self._node.name or self._node.operator.name

    @property
    def parallelism(self) -> int:
        """Number of partitions."""
        return self._node.parallelism

    def set_name(self, name: str) -> Self:
        """Give this TSet a name, shown in messages and seen by its function as ``ctx.name``; return it."""
        check_name("set_name()", name)
        self._node = replace(self._node, name=name)
        return self

    def with_schema(self, schema: object) -> Self:
        """Take Twister2's word on how elements are serialised: what they are decides it here, so nothing changes."""
        return self

    def explain(self) -> None:
        """Print what the persists of this TSet would find, as `TSetEnvironment.plan` says it; nothing is computed."""
        print(self._session.plan(self._node))

    def __bool__(self) -> NoReturn:
        raise UsageError(
            "the truth of a TSet is not known before it is computed: use `tset is not None`, or `tset.take(1)`"
        )

    def __len__(self) -> NoReturn:
        raise UsageError("the length of a TSet is not known before it is computed: call count()")

    def __iter__(self) -> Iterator[T]:
        raise UsageError("a TSet is not iterable, as its elements may be anywhere: call collect()")

    def __reduce__(self) -> NoReturn:
        raise UsageError(
            f"{self!r} cannot be part of a function or of data: it is a handle of the driver's. "
            "Pass elements on with an operation, or collect() them first"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}, {self.parallelism} partitions>"

    def _repr_html_(self) -> str:
        from dtset.diagnostics.html import tset_html

        return tset_html(type(self).__name__, self._node, self._session.persisted(self._node))
