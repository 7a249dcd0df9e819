"""The flow of a code object in a form that does not depend on how its source is laid out.

The compiler threads jumps and copies short exits only where line numbers allow. Here jumps are followed, equal
ways on to an exit are one, and steps are numbered as they are first come to from the entry.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from dtset.fingerprint.instructions import ALWAYS_JUMPS, ENDS, Instruction

_ON_TRUTH = frozenset(
    ("JUMP_IF_TRUE_OR_POP", "JUMP_IF_FALSE_OR_POP", "POP_JUMP_IF_TRUE", "POP_JUMP_IF_FALSE")
)


class Step(NamedTuple):
    """An instruction that counts, by position, and the numbers of the steps that may come next."""

    position: int
    op: str
    follows: int | None
    jump: int | None
    catch: tuple[int, int, bool] | None


class _Exits(NamedTuple):
    """Positions that may come after one; the name of its jump, without direction."""

    op: str
    follows: int | None
    jump: int | None
    catch: int | None


def flow(
    found: list[Instruction], positions: list[int], captures: Mapping[int, object]
) -> list[Step]:
    """List the steps of a code object from the entry on; `captures` is what counts of an instruction besides itself."""
    return _Flow(found, positions, captures).steps()


class _Flow:
    def __init__(
        self, found: list[Instruction], positions: list[int], captures: Mapping[int, object]
    ) -> None:
        self.found = found
        self.positions = positions
        self.captures = captures
        self.counts = bytearray(len(found))
        for position in positions:
            self.counts[position] = 1
        self.exits: dict[int, _Exits] = {}
        self.same: dict[int | None, int] = {}
        self.known: dict[tuple[object, ...], int] = {}
        self.numbers: dict[int, int] = {}

    def steps(self) -> list[Step]:
        if (entry := self.settled(0)) is not None:
            self.merge(entry)
            self.number(entry)
        for position in self.positions:
            # Code that nothing reaches still counts, so that no edit of it goes unseen.
            if position not in self.exits and self.found[position].op not in ALWAYS_JUMPS:
                self.merge(position)
                self.number(position)
        return [self.step(position) for position in self.numbers]

    def settled(self, position: int) -> int | None:
        """Follow what only leads on; a loop that does nothing else is a step by itself."""
        passed: set[int] | None = None
        while position < len(self.found):
            if not self.counts[position]:
                position += 1
                continue
            item = self.found[position]
            if item.op not in ALWAYS_JUMPS or item.target is None:
                return position
            if passed is None:
                passed = set()
            if position in passed:
                return position
            passed.add(position)
            position = item.target
        return None

    def after(self, position: int) -> _Exits:
        item = self.found[position]
        catch = None if item.handler is None else self.settled(item.handler.target)
        if item.op in ALWAYS_JUMPS:
            return _Exits("JUMP", position, None, catch)
        follows = None if item.op in ENDS else self.settled(position + 1)
        if item.target is None:
            return _Exits(item.op, follows, None, catch)
        op, jump = _undirected(item.op), self.settled(item.target)
        for _ in self.found:
            if jump is None or not op.endswith("_OR_POP"):
                break
            there = self.found[jump]
            there_op = _undirected(there.op)
            if there_op not in _ON_TRUTH or there.target is None:
                break
            truth = "TRUE" if "TRUE" in op else "FALSE"
            if truth in there_op:
                op, jump = there_op, self.settled(there.target)
            else:
                op, jump = f"POP_JUMP_IF_{truth}", self.settled(jump + 1)
        return _Exits(op, follows, jump, catch)

    def merge(self, entry: int) -> None:
        """Find the positions from which the code goes on in the same way, last ones first."""
        stack = [entry]
        while stack:
            position = stack.pop()
            if position < 0:
                self.close(~position)
            elif position not in self.exits:
                exits = self.exits[position] = self.after(position)
                stack.append(~position)
                for after in (exits.catch, exits.jump, exits.follows):
                    if after is not None and after not in self.exits:
                        stack.append(after)

    def close(self, position: int) -> None:
        item, exits, same = self.found[position], self.exits[position], self.same
        op, follows, jump, catch = exits
        if (
            (follows is not None and follows not in same)
            or (jump is not None and jump not in same)
            or (catch is not None and catch not in same)
        ):
            # It leads back to where it came from.
            same[position] = position
            return
        key = (
            op,
            None if item.target is not None else item.arg,
            item.name,
            item.names,
            self.captures.get(position),
            same.get(follows),
            same.get(jump),
            same.get(catch),
            None if item.handler is None else (item.handler.depth, item.handler.lasti),
        )
        same[position] = self.known.setdefault(key, position)

    def number(self, entry: int) -> None:
        waiting = deque((entry,))
        while waiting:
            position: int | None = waiting.popleft()
            while position is not None:
                position = self.same[position]
                if position in self.numbers:
                    break
                self.numbers[position] = len(self.numbers)
                exits = self.exits[position]
                if exits.jump is not None:
                    waiting.append(exits.jump)
                if exits.catch is not None:
                    waiting.append(exits.catch)
                position = exits.follows

    def step(self, position: int) -> Step:
        exits, handler = self.exits[position], self.found[position].handler
        catch = None
        if handler is not None and exits.catch is not None:
            catch = (self.numbers[self.same[exits.catch]], handler.depth, handler.lasti)
        return Step(position, exits.op, self.of(exits.follows), self.of(exits.jump), catch)

    def of(self, position: int | None) -> int | None:
        return None if position is None else self.numbers[self.same[position]]


def _undirected(op: str) -> str:
    return op.replace("_FORWARD", "").replace("_BACKWARD", "").replace("_NO_INTERRUPT", "")
