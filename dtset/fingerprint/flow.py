"""The flow of a code object in a form that does not depend on how its source is laid out.

The compiler threads jumps and copies short exits only where line numbers allow, so that the same
expression on two lines compiles to other jumps than on one. Blocks undo that: jumps to jumps
are followed, blocks that only follow each other are joined, exits are written where they are reached.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dtset.fingerprint.instructions import Handler, Instruction

__all__ = ["Block", "Conditional", "blocks", "same_handler"]

_ENDS = frozenset(
    (
        "RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE", "INTERPRETER_EXIT",
        "JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT",
    )
)  # fmt: skip
_ALWAYS = frozenset(("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"))


@dataclass(slots=True)
class Conditional:
    """The jump that ends a block: its name without direction, and where it goes."""

    op: str
    target: Block


@dataclass(slots=True, eq=False)
class Block:
    """Instructions that run one after the other, and what comes after them."""

    handler: Handler | None
    items: list[tuple[int, Instruction]] = field(default_factory=list)
    jump: Conditional | None = None
    follows: Block | None = None
    catches: Block | None = None

    @property
    def is_exit(self) -> bool:
        """Whether the code leaves here."""
        return self.jump is None and self.follows is None

    @property
    def is_empty(self) -> bool:
        """Whether the block only leads on."""
        return not self.items and self.jump is None


def blocks(found: list[Instruction], positions: list[int]) -> list[Block]:
    """Cut instructions into blocks, the entry first, the others in the order of the code.

    Parameters
    ----------
    found : list of Instruction
        All instructions.
    positions : list of int
        Those that count.
    """
    made = _cut(found, positions)
    for block in made:
        _thread(block)
    return _joined(made)


def _cut(found: list[Instruction], positions: list[int]) -> list[Block]:
    counts = set(positions)
    starts = {0}
    starts.update(item.target for item in found if item.target is not None)
    starts.update(item.handler.target for item in found if item.handler is not None)
    made: list[Block] = []
    at: dict[int, Block] = {}
    current: Block | None = None
    for position, item in enumerate(found):
        if position in starts or current is None or item.handler is not current.handler:
            block = Block(item.handler)
            if current is not None:
                current.follows = block
            made.append(block)
            current = block
        if position in starts:
            at[position] = current
        if position not in counts:
            continue
        current.items.append((position, item))
        if item.op in _ENDS or item.target is not None:
            ended, current = current, None
            if item.op not in _ENDS:
                current = Block(None)
                ended.follows = current
                made.append(current)
                current.handler = found[position + 1].handler if position + 1 < len(found) else None
    for block in made:
        _resolve(block, at)
    return made


def _resolve(block: Block, at: dict[int, Block]) -> None:
    if block.items:
        last = block.items[-1][1]
        if last.target is not None:
            block.items.pop()
            target = at[last.target]
            if last.op in _ALWAYS:
                block.follows = target
            else:
                block.jump = Conditional(_undirected(last.op), target)
    if block.handler is not None:
        block.catches = at[block.handler.target]


def _undirected(op: str) -> str:
    return op.replace("_FORWARD", "").replace("_BACKWARD", "").replace("_NO_INTERRUPT", "")


def _through(block: Block) -> Block:
    """Follow blocks that hold nothing to the first that holds something."""
    seen = {block}
    while block.is_empty and block.follows is not None and block.follows not in seen:
        block = block.follows
        seen.add(block)
    return block


def _thread(block: Block) -> None:
    if block.follows is not None:
        block.follows = _through(block.follows)
    if block.catches is not None:
        block.catches = _through(block.catches)
    jump = block.jump
    for _ in range(1000):
        if jump is None:
            return
        jump.target = target = _through(jump.target)
        if not jump.op.endswith("_OR_POP") or target.items or target.jump is None:
            return
        if target is jump.target and target.jump is jump:
            return
        truth = "TRUE" if "TRUE" in jump.op else "FALSE"
        if target.jump.op not in _ON_TRUTH:
            return
        if truth in target.jump.op:
            jump.op, jump.target = target.jump.op, target.jump.target
        elif target.follows is not None:
            jump.op, jump.target = f"POP_JUMP_IF_{truth}", target.follows


_ON_TRUTH = frozenset(
    ("JUMP_IF_TRUE_OR_POP", "JUMP_IF_FALSE_OR_POP", "POP_JUMP_IF_TRUE", "POP_JUMP_IF_FALSE")
)


def _joined(made: list[Block]) -> list[Block]:
    """Join blocks that only follow each other; leave out what only held jumps."""
    used = _reached([_through(made[0])])
    known = set(map(id, used))
    # Code that nothing reaches still counts, so that no edit of it goes unseen.
    used += _reached([b for b in made if b.items and id(b) not in known], known)
    reached: dict[int, int] = {id(used[0]): 1}
    for block in used:
        for after in (block.follows, block.jump.target if block.jump else None):
            if after is not None:
                reached[id(after)] = reached.get(id(after), 0) + 1
        if block.catches is not None:
            reached[id(block.catches)] = reached.get(id(block.catches), 0) + 2
    gone: set[int] = set()
    for block in used:
        while (
            id(block) not in gone
            and block.jump is None
            and (after := block.follows) is not None
            and after is not block
            and reached.get(id(after), 0) == 1
            and same_handler(after, block)
        ):
            gone.add(id(after))
            block.items += after.items
            block.jump, block.follows = after.jump, after.follows
    return [block for block in used if id(block) not in gone]


def _reached(starts: list[Block], known: set[int] | None = None) -> list[Block]:
    order: list[Block] = []
    seen = set() if known is None else set(known)
    waiting = list(reversed(starts))
    while waiting:
        block = waiting.pop()
        if id(block) in seen:
            continue
        seen.add(id(block))
        order.append(block)
        after = (block.catches, block.jump.target if block.jump else None, block.follows)
        waiting.extend(next_block for next_block in after if next_block is not None)
    return order


def same_handler(one: Block, other: Block) -> bool:
    """Whether exceptions raised in two blocks go the same way."""
    if one.handler is None or other.handler is None:
        return one.handler is other.handler
    return one.catches is other.catches and (one.handler.depth, one.handler.lasti) == (
        other.handler.depth,
        other.handler.lasti,
    )
