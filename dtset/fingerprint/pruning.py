"""What a code object holds that cannot change what it computes: annotations, names, closures' order."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Flag, auto
from types import CodeType

from dtset.fingerprint.instructions import Instruction, Operands


class Reads(Flag):
    """What reachable code can see of a function besides what it does."""

    NOTHING = 0
    DOCS = auto()
    ANNOTATIONS = auto()
    NAMES = auto()
    LOCALS = auto()
    STATE = auto()
    GLOBALS = auto()
    OWN_GLOBALS = auto()
    SOURCE = auto()
    SUBCLASSES = auto()


@dataclass(frozen=True, slots=True)
class Capture:
    """How a nested code object is made into a function or class."""

    variables: tuple[str, ...] = ()
    keeps_annotations: bool = False


@dataclass(slots=True)
class Kept:
    """Instructions that count, by position, and what was learnt of nested code."""

    positions: list[int] = field(default_factory=list)
    captures: dict[int, Capture] = field(default_factory=dict)
    flags: dict[int, int] = field(default_factory=dict)
    observers: set[str] = field(default_factory=set)


NO_EFFECT = frozenset(
    (
        "NOP", "RESUME", "PRECALL", "PUSH_NULL", "MAKE_CELL", "COPY_FREE_VARS", "SETUP_ANNOTATIONS",
        "NOT_TAKEN",
    )
)  # fmt: skip
_EFFECTS = ("STORE_", "DELETE_", "YIELD_", "SEND", "IMPORT_", "CALL")
# Decorators known not to read annotations.
_INNOCENT = frozenset(
    (
        "abc", "abstractmethod", "asynccontextmanager", "cache", "cached_property", "classmethod",
        "contextlib", "contextmanager", "functools", "lru_cache", "overload", "override", "property",
        "staticmethod", "typing", "wraps",
    )
)  # fmt: skip


def prune(
    code: CodeType,
    found: list[Instruction],
    reads: Reads,
    keeps_annotations: bool,
    trusted: frozenset[str] = frozenset(),
) -> Kept:
    """Choose the instructions that count; `trusted` decorators show by their own code whether they read annotations."""
    kept = Kept()
    dropped: set[int] = set()
    operands = Operands(found)
    cells = frozenset(code.co_cellvars + code.co_freevars)
    for position, item in enumerate(found):
        if item.op in NO_EFFECT:
            if item.op != "SETUP_ANNOTATIONS" or not keeps_annotations:
                dropped.add(position)
        elif item.op == "MAKE_FUNCTION":
            dropped.update(_trim_function(found, operands, position, cells, reads, trusted, kept))
        elif item.op == "STORE_NAME":
            dropped.update(_trim_name(found, position, reads))
        elif item.op == "STORE_SUBSCR" and not keeps_annotations:
            dropped.update(_trim_variable_annotation(found, operands, position))
    # Not before: how far an expression reaches follows from what its instructions really take.
    for position, arg in kept.flags.items():
        found[position].arg = arg
    kept.positions = [position for position in range(len(found)) if position not in dropped]
    return kept


def _trim_function(
    found: list[Instruction],
    operands: Operands,
    made: int,
    cells: frozenset[str],
    reads: Reads,
    trusted: frozenset[str],
    kept: Kept,
) -> set[int]:
    """Drop the closure tuple (its order is that of names) and the annotations of a nested function."""
    body = made - 1
    if body < 0 or not isinstance(found[body].const, CodeType):
        return set()
    flags, without, dropped, end = found[made].arg, 0, set[int](), body
    variables: tuple[str, ...] = ()
    if flags & 8:
        count = found[body - 1].arg
        run = found[body - 1 - count : body - 1]
        if found[body - 1].op != "BUILD_TUPLE" or not all(
            item.op in ("LOAD_CLOSURE", "LOAD_FAST") and item.names[0] in cells for item in run
        ):
            return set()
        variables = tuple(item.names[0] for item in run)
        end = body - 1 - count
        dropped.update(range(end, body))
        without |= 8
    start = operands.start(made, 1 + (flags & 15).bit_count())
    is_class = start is not None and start > 0 and found[start - 1].op == "LOAD_BUILD_CLASS"
    keeps = Reads.ANNOTATIONS in reads
    if is_class:
        keeps = keeps or not _is_plain_class(found, made)
    else:
        observers = _observers(found, operands, start, made)
        keeps = keeps or observers is None or not observers <= trusted
        if flags & 4 and observers is not None:
            kept.observers |= observers
    if flags & 4 and not keeps:
        tuple_at = end - 1
        begin: int | None = tuple_at
        if found[tuple_at].op == "BUILD_TUPLE":
            begin = operands.start(tuple_at, found[tuple_at].arg)
        if begin is not None and not _has_effect(found[begin:end]):
            dropped.update(range(begin, end))
            without |= 4
    kept.captures[body] = Capture(variables, keeps)
    kept.flags[made] = flags & ~without
    return dropped


def _has_effect(run: list[Instruction]) -> bool:
    """Whether annotations do more than give a value: `x: (y := 5)` binds a variable."""
    return any(item.op.startswith(_EFFECTS) for item in run)


def _calls_after(found: list[Instruction], position: int) -> int:
    calls = 0
    while position < len(found) and found[position].op in ("PRECALL", "CALL"):
        if found[position].arg != 0:
            break
        calls += found[position].op == "CALL"
        position += 1
    return calls


def _observers(
    found: list[Instruction], operands: Operands, start: int | None, made: int
) -> frozenset[str] | None:
    """Globals that decorate a nested function and may read its annotations; None if that cannot be told."""
    calls = _calls_after(found, made + 1)
    if not calls:
        return frozenset()
    begin = operands.start(start, calls) if start is not None else None
    if begin is None:
        return None
    named = [item for item in found[begin:start] if item.name is not None]
    unknown = [item for item in named if item.name not in _INNOCENT]
    if not named or any(item.op != "LOAD_GLOBAL" for item in unknown):
        return None
    return frozenset(str(item.name) for item in unknown)


def _is_plain_class(found: list[Instruction], made: int) -> bool:
    called = made + 2
    if called < len(found) and found[called].op == "PRECALL":
        called += 1
    return (
        called + 1 < len(found)
        and (found[called].op, found[called].arg) == ("CALL", 2)
        and found[called + 1].op.startswith("STORE")
    )


def _trim_name(found: list[Instruction], position: int, reads: Reads) -> set[int]:
    """Drop what a class body says of itself: its module, qualified name and docstring."""
    name, before = found[position].name, found[position - 1]
    if name in ("__firstlineno__", "__static_attributes__") and before.op == "LOAD_CONST":
        return {position - 1, position}
    if name == "__module__" and before.op == "LOAD_NAME" and before.name == "__name__":
        return {position - 1, position}
    if before.op != "LOAD_CONST" or not isinstance(before.const, str):
        return set()
    if (name == "__qualname__" and Reads.NAMES not in reads) or (
        name == "__doc__" and Reads.DOCS not in reads
    ):
        return {position - 1, position}
    return set()


def _trim_variable_annotation(
    found: list[Instruction], operands: Operands, position: int
) -> set[int]:
    """Drop `__annotations__["x"] = …` of a class body."""
    holder = found[position - 2]
    if position < 3 or (holder.op, holder.name) != ("LOAD_NAME", "__annotations__"):
        return set()
    start = operands.start(position - 2, 1)
    if start is None or _has_effect(found[start:position]):
        return set()
    return set(range(start, position + 1))
