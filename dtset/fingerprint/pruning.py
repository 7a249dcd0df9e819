"""What a code object holds that cannot change what it computes: annotations, names, closures' order."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Flag, auto
from types import CodeType

from dtset.fingerprint.instructions import Instruction, stack_effect

__all__ = ["Capture", "Kept", "Reads", "prune"]


class Reads(Flag):
    """What reachable code can see of a function besides what it does."""

    NOTHING = 0
    DOCS = auto()
    ANNOTATIONS = auto()
    NAMES = auto()
    LOCALS = auto()
    STATE = auto()
    GLOBALS = auto()
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


_NO_EFFECT = frozenset(
    ("NOP", "RESUME", "PRECALL", "MAKE_CELL", "COPY_FREE_VARS", "SETUP_ANNOTATIONS", "NOT_TAKEN")
)
_LEAVES = frozenset(
    ("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE", "INTERPRETER_EXIT")
    + ("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT")
)
_EFFECTS = ("STORE_", "DELETE_", "YIELD_", "SEND", "IMPORT_")
# Decorators known not to read annotations.
_INNOCENT = frozenset(
    (
        "abc", "abstractmethod", "asynccontextmanager", "cache", "cached_property", "classmethod",
        "contextlib", "contextmanager", "functools", "lru_cache", "overload", "override", "property",
        "staticmethod", "typing", "wraps",
    )
)  # fmt: skip


def prune(code: CodeType, found: list[Instruction], reads: Reads, keeps_annotations: bool) -> Kept:
    """Choose the instructions that count.

    Parameters
    ----------
    code : CodeType
        The code object.
    found : list of Instruction
        Its instructions.
    reads : Reads
        What reachable code can see.
    keeps_annotations : bool
        Whether `code` is the body of a class whose annotations something reads.
    """
    kept = Kept()
    dropped: set[int] = set()
    flags: dict[int, int] = {}
    cells = frozenset(code.co_cellvars + code.co_freevars)
    for position, item in enumerate(found):
        if item.op in _NO_EFFECT:
            if item.op != "SETUP_ANNOTATIONS" or not keeps_annotations:
                dropped.add(position)
        elif item.op == "MAKE_FUNCTION":
            dropped.update(_trim_function(found, position, cells, reads, kept.captures, flags))
        elif item.op == "STORE_NAME":
            dropped.update(_trim_name(found, position, reads))
        elif item.op == "STORE_SUBSCR" and not keeps_annotations:
            dropped.update(_trim_variable_annotation(found, position))
    # Not before: how far an expression reaches follows from what its instructions really take.
    for position, arg in flags.items():
        found[position].arg = arg
    kept.positions = [position for position in range(len(found)) if position not in dropped]
    return kept


def _span(found: list[Instruction], end: int, count: int) -> int | None:
    """Where the run that ends before `end` and leaves `count` values there starts."""
    left, start = count, end
    while left > 0 or (start > 0 and found[start - 1].op == "KW_NAMES"):
        start -= 1
        if start < 0:
            return None
        if found[start].target is not None:
            return _branched_span(found, end, count)
        left -= stack_effect(found[start])
    if any(item.target is not None and start < item.target <= end for item in found):
        return _branched_span(found, end, count)
    return start if left == 0 else None


def _branched_span(found: list[Instruction], end: int, count: int) -> int | None:
    """The same for a run with branches in it, which nothing enters in its middle or leaves before its end."""
    depths = _depths(found)
    base = depths[end] - count if end in depths else None
    for start in range(end - 1, -1, -1):
        depth = depths.get(start)
        if base is None or depth is None or depth < base:
            return None
        if depth == base and _is_closed(found, start, end):
            return start
    return None


def _is_closed(found: list[Instruction], start: int, end: int) -> bool:
    for position, item in enumerate(found):
        inside = start <= position < end
        targets = [item.target, item.handler.target if item.handler and inside else None]
        for target in targets:
            if target is None:
                continue
            if inside and not start <= target <= end:
                return False
            if not inside and start < target <= end and position < end:
                return False
    return True


def _depths(found: list[Instruction]) -> dict[int, int]:
    """How many values lie on the stack before each instruction that is reached."""
    depths: dict[int, int] = {}
    waiting = [(0, 0)]
    while waiting:
        position, depth = waiting.pop()
        while position < len(found) and position not in depths:
            depths[position] = depth
            item = found[position]
            if item.handler is not None:
                pushed = 2 if item.handler.lasti else 1
                waiting.append((item.handler.target, item.handler.depth + pushed))
            if item.target is not None:
                waiting.append((item.target, depth + stack_effect(item, jump=True)))
            if item.op in _LEAVES:
                break
            depth += stack_effect(item)
            position += 1
    return depths


def _trim_function(
    found: list[Instruction],
    made: int,
    cells: frozenset[str],
    reads: Reads,
    captures: dict[int, Capture],
    flags_kept: dict[int, int],
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
    start = _span(found, made, 1 + (flags & 15).bit_count())
    is_class = start is not None and start > 0 and found[start - 1].op == "LOAD_BUILD_CLASS"
    keeps = _is_plain_class(found, made) is False if is_class else _is_observed(found, start, made)
    keeps = keeps or Reads.ANNOTATIONS in reads
    if flags & 4 and not keeps:
        tuple_at = end - 1
        begin: int | None = tuple_at
        if found[tuple_at].op == "BUILD_TUPLE":
            begin = _span(found, tuple_at, found[tuple_at].arg)
        if begin is not None and not _has_effect(found[begin:end]):
            dropped.update(range(begin, end))
            without |= 4
    captures[body] = Capture(variables, keeps)
    flags_kept[made] = flags & ~without
    return dropped


def _has_effect(run: list[Instruction]) -> bool:
    """Whether annotations do more than give a value: `x: (y := 5)` binds a variable."""
    return any(item.op.startswith(_EFFECTS) for item in run)


def _after_calls(found: list[Instruction], position: int) -> tuple[int, int]:
    """Count the decorator calls that follow a function, and where they end."""
    calls = 0
    while position < len(found) and found[position].op in ("PRECALL", "CALL"):
        if found[position].arg != 0:
            break
        calls += found[position].op == "CALL"
        position += 1
    return calls, position


def _is_observed(found: list[Instruction], start: int | None, made: int) -> bool:
    """Whether a decorator may read the annotations of a nested function."""
    calls, _ = _after_calls(found, made + 1)
    if not calls:
        return False
    begin = _span(found, start, calls) if start is not None else None
    if begin is None:
        return True
    named = [item.name for item in found[begin:start] if item.name is not None]
    return not named or not _INNOCENT.issuperset(named)


def _is_plain_class(found: list[Instruction], made: int) -> bool:
    """Whether a nested class has neither bases nor keywords nor decorators."""
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
    if name == "__module__" and before.op == "LOAD_NAME" and before.name == "__name__":
        return {position - 1, position}
    if before.op != "LOAD_CONST" or not isinstance(before.const, str):
        return set()
    if (name == "__qualname__" and Reads.NAMES not in reads) or (
        name == "__doc__" and Reads.DOCS not in reads
    ):
        return {position - 1, position}
    return set()


def _trim_variable_annotation(found: list[Instruction], position: int) -> set[int]:
    """Drop `__annotations__["x"] = …` of a class body."""
    if position < 3 or found[position - 2].name != "__annotations__":
        return set()
    start = _span(found, position - 2, 1)
    if start is None or _has_effect(found[start:position]):
        return set()
    return set(range(start, position + 1))
