"""A code object as a list of instructions whose operands are resolved, and which runs of them make the operands."""

from __future__ import annotations

import dis
import opcode
import sys
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from types import CodeType

_EXTENDED_ARG = dis.opmap["EXTENDED_ARG"]
_CACHE = 0
_SHIFTED_NAMES = {"LOAD_GLOBAL": 1}
if sys.version_info >= (3, 12):
    _SHIFTED_NAMES |= {"LOAD_ATTR": 1, "LOAD_SUPER_ATTR": 2}
_HAS_NAME = frozenset(dis.hasname)
_HAS_CONST = frozenset(dis.hasconst)
_HAS_VARIABLE = frozenset(dis.haslocal) | frozenset(dis.hasfree)
# After these, code does not go on to what follows.
ENDS = frozenset(("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE", "INTERPRETER_EXIT"))
ALWAYS_JUMPS = frozenset(("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"))
_HAS_JUMP = frozenset(dis.hasjrel) | frozenset(dis.hasjabs)
# Two instructions in one, from 3.13 on; the compiler joins them only on one line.
_PAIRS = {
    code: tuple(f"{half}_FAST" for half in name.split("_FAST")[:2])
    for name, code in dis.opmap.items()
    if name in ("LOAD_FAST_LOAD_FAST", "STORE_FAST_LOAD_FAST", "STORE_FAST_STORE_FAST")
}


@dataclass(frozen=True, slots=True)
class Handler:
    """Where an exception raised by an instruction goes."""

    target: int
    depth: int
    lasti: bool


@dataclass(slots=True)
class Instruction:
    """One instruction: name, raw operand, what the operand stands for, and its exits."""

    op: str
    arg: int
    code: int
    name: str | None = None
    names: tuple[str, ...] = ()
    const: object = None
    target: int | None = None
    handler: Handler | None = None


def variables(code: CodeType) -> tuple[str, ...]:
    """Return all variables of a code object in the order of their operands."""
    own = code.co_varnames
    return own + tuple(name for name in code.co_cellvars if name not in own) + code.co_freevars


def decode(code: CodeType) -> list[Instruction]:
    """List the instructions of a code object, jumps and handlers as indices into the list."""
    names, consts, slots = code.co_names, code.co_consts, variables(code)
    found: list[Instruction] = []
    index_at: dict[int, int] = {}
    jumps: list[tuple[Instruction, int]] = []
    raw = code.co_code
    extended = 0
    start: int | None = None
    for offset in range(0, len(raw), 2):
        op, arg = raw[offset], raw[offset + 1] | extended
        if op == _CACHE:
            continue
        if start is None:
            start = offset
        if op == _EXTENDED_ARG:
            extended = arg << 8
            continue
        extended = 0
        opname = opcode.opname[op]
        item = Instruction(opname, arg, op)
        if op in _HAS_NAME:
            shift = _SHIFTED_NAMES.get(opname, 0)
            item.name = names[arg >> shift]
            item.arg = arg & ((1 << shift) - 1)
        elif op in _HAS_CONST:
            item.const = consts[arg]
        elif op in _PAIRS:
            index_at[start] = index_at[offset] = len(found)
            start = None
            found += _halves(op, slots[arg >> 4], slots[arg & 15])
            continue
        elif op in _HAS_VARIABLE:
            item.names = (slots[arg],)
        elif op in _HAS_JUMP:
            jumps.append((item, offset))
        index_at[start] = index_at[offset] = len(found)
        start = None
        found.append(item)
    _link(code, found, index_at, jumps)
    return found


def _halves(op: int, first: str, second: str) -> list[Instruction]:
    names = [half.lstrip("_") for half in _PAIRS[op]]
    return [
        Instruction(name, 0, dis.opmap[name], names=(variable,))
        for name, variable in zip(names, (first, second), strict=True)
    ]


def _link(
    code: CodeType,
    found: list[Instruction],
    index_at: dict[int, int],
    jumps: list[tuple[Instruction, int]],
) -> None:
    raw = code.co_code
    for item, offset in jumps:
        after = offset + 2
        while after < len(raw) and raw[after] == _CACHE:
            after += 2
        step = -item.arg if "BACKWARD" in item.op else item.arg
        item.target = index_at[after + 2 * step]
    for first, last, handler_offset, depth, lasti in _exception_table(code.co_exceptiontable):
        handler = Handler(index_at[handler_offset], depth, lasti)
        for offset in range(first, last, 2):
            if offset in index_at:
                found[index_at[offset]].handler = handler


def _exception_table(table: bytes) -> list[tuple[int, int, int, int, bool]]:
    """Decode the variable-length integers of an exception table."""
    values: list[int] = []
    current = 0
    for byte in table:
        current = (current << 6) | (byte & 63)
        if not byte & 64:
            values.append(current)
            current = 0
    return [
        (2 * start, 2 * (start + length), 2 * target, info >> 1, bool(info & 1))
        for start, length, target, info in zip(*[iter(values)] * 4, strict=True)
    ]


def apply_swaps(found: list[Instruction]) -> None:
    """Order stores instead of swapping what they take, as the compiler does where they are on one line."""
    entered: set[int | None] = {item.target for item in found if item.target is not None}
    entered |= {item.handler.target for item in found if item.handler is not None}
    for start in range(len(found) - 1, -1, -1):
        if found[start].op != "SWAP":
            continue
        stores = _stores_after(found, start, found[start].arg, entered)
        names = [name for at in stores for name in found[at].names]
        if len(stores) == found[start].arg and len(set(names)) == len(names):
            first, last = stores[0], stores[-1]
            found[first], found[last] = found[last], found[first]
            found[start] = Instruction("NOP", 0, dis.opmap["NOP"], handler=found[start].handler)


def _stores_after(
    found: list[Instruction], start: int, count: int, entered: set[int | None]
) -> list[int]:
    """Positions of the next instructions, if they only store in locals or drop, and run in a row."""
    stores: list[int] = []
    for at in range(start + 1, len(found)):
        item = found[at]
        if len(stores) == count or at in entered or item.handler != found[start].handler:
            break
        if item.op in ("STORE_FAST", "POP_TOP"):
            stores.append(at)
        elif item.op != "NOP":
            break
    return stores


def stack_effect(item: Instruction, *, jump: bool = False) -> int:
    """How many values an instruction leaves on the stack, less those it takes."""
    operand = item.arg if item.code >= dis.HAVE_ARGUMENT else None
    return dis.stack_effect(item.code, operand, jump=jump)


_LEAVES = ENDS | ALWAYS_JUMPS


class Operands:
    """The instructions of a code object, asked for the runs that make operands."""

    def __init__(self, found: list[Instruction]) -> None:
        self._found = found

    def start(self, end: int, count: int) -> int | None:
        """Where the run that ends before `end` and leaves `count` values there starts."""
        found, left, start = self._found, count, end
        while left > 0 or (start > 0 and found[start - 1].op == "KW_NAMES"):
            start -= 1
            if start < 0:
                return None
            if found[start].target is not None:
                return self._branched(end, count)
            left -= stack_effect(found[start])
        after = bisect_right(self._targets, start)
        if after < len(self._targets) and self._targets[after] <= end:
            return self._branched(end, count)
        return start if left == 0 else None

    @cached_property
    def _targets(self) -> list[int]:
        return sorted(item.target for item in self._found if item.target is not None)

    def _branched(self, end: int, count: int) -> int | None:
        """The same for a run with branches, which nothing enters in its middle or leaves before its end."""
        depths = self._depths
        base = depths[end] - count if end in depths else None
        for start in range(end - 1, -1, -1):
            depth = depths.get(start)
            if base is None or depth is None or depth < base:
                return None
            if depth == base and self._is_closed(start, end):
                return start
        return None

    def _is_closed(self, start: int, end: int) -> bool:
        for position, item in enumerate(self._found):
            if item.target is None:
                continue
            if start <= position < end:
                if not start <= item.target <= end:
                    return False
            elif start < item.target <= end:
                return False
        return True

    @cached_property
    def _depths(self) -> dict[int, int]:
        depths: dict[int, int] = {}
        waiting = [(0, 0)]
        while waiting:
            position, depth = waiting.pop()
            while position < len(self._found) and position not in depths:
                depths[position] = depth
                item = self._found[position]
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
