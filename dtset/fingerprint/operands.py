"""Which run of instructions makes the values that another instruction takes from the stack."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property

from dtset.fingerprint.instructions import Instruction, stack_effect

_LEAVES = frozenset(
    (
        "RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE", "INTERPRETER_EXIT",
        "JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT",
    )
)  # fmt: skip


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
        """How many values lie on the stack before each instruction that is reached."""
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
