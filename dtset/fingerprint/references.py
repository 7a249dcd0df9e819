"""What a code object reads by name: globals, attributes of modules, imports, constant keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType

from dtset.fingerprint.instructions import Instruction

_LOADS = frozenset(("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"))
_ATTRIBUTES = frozenset(("LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "DELETE_ATTR"))
_GETTERS = frozenset(("getattr", "hasattr"))
_BINARY = frozenset(("BINARY_SUBSCR", "BINARY_OP", "COMPARE_OP", "CONTAINS_OP", "IS_OP"))
_MOST_ARGUMENTS = 40


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """One name that code reads, with the attributes it takes from it.

    The `chain` is a global's name and attributes, or attributes of a `module` that is imported from so many dots (`level`). The
    `key` is the constant it is subscripted or first called with, repr'd; ``@`` and a name if that is a global's value. It is
    `optional` if the name may belong to the class body that reads it; the `getter` is ``getattr`` or ``hasattr`` if that gives the
    last attribute.
    """

    module: str = ""
    level: int = 0
    chain: tuple[str, ...] = ()
    key: str = ""
    optional: bool = False
    getter: str = ""
    text: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        parts = (self.module, *self.chain) if self.module else self.chain
        object.__setattr__(self, "text", "." * self.level + ".".join(parts))


def references(code: CodeType, items: list[Instruction]) -> Iterator[Reference]:
    """List what the instructions of one code object (without nested ones) read by name."""
    own_names = {item.name for item in items if item.op == "STORE_NAME"}
    bound: dict[str, Reference] = {}
    imports = [position for position, item in enumerate(items) if item.op == "IMPORT_NAME"]
    if imports:
        stored = Counter(
            name for item in items if item.op.startswith("STORE") for name in item.names
        )
        cells = set(code.co_cellvars) | set(code.co_freevars)
        for position in imports:
            yield from _imported(items, position, stored, cells, bound)
    for position, item in enumerate(items):
        if item.op in _LOADS and item.name is not None:
            base = Reference(chain=(item.name,), optional=item.name in own_names)
            yield from _extended(base, items, position)
        elif bound and item.op.startswith("LOAD_FAST"):
            for name in item.names:
                if name in bound:
                    last = name == item.names[-1]
                    yield from _extended(bound[name], items, position) if last else (bound[name],)


def _extended(base: Reference, items: list[Instruction], position: int) -> Iterator[Reference]:
    chain = list(base.chain)
    after = position + 1
    while after < len(items) and items[after].op in _ATTRIBUTES:
        chain.append(str(items[after].name))
        after += 1
    key, getter = "", ""
    before = items[position - 1] if position else None
    argument = items[after] if after < len(items) else None
    use = "" if argument is None else _use(items, after)
    if use == "getter" and before is not None and before.name in _GETTERS and before.op in _LOADS:
        if argument is not None and isinstance(argument.const, str):
            getter = str(before.name)
            chain.append(argument.const)
    elif use == "key" and argument is not None:
        key = _key(argument)
    elif (
        before is not None
        and isinstance(before.const, str)
        and argument is not None
        and argument.op == "CONTAINS_OP"
    ):
        key = repr(before.const)
    named = _through_globals(items, after) if chain == ["globals"] and not base.module else None
    if named is not None:
        yield Reference(chain=(named,))
    else:
        yield Reference(base.module, base.level, tuple(chain), key, base.optional, getter)


def _key(item: Instruction) -> str:
    """What names a part of a thing: a constant, repr'd, or ``@`` and the name of a global."""
    if isinstance(item.const, str):
        return repr(item.const)
    return f"@{item.name}" if item.op in _LOADS else ""


def _use(items: list[Instruction], position: int) -> str:
    """What becomes of the value loaded at `position`, which may name a part of the thing loaded before it.

    ``key`` if it is the thing's subscript or the first argument of its call, ``getter`` if it is the second
    argument of a call whose first is the thing; else nothing.
    """
    depth = 1
    keywords: tuple[str, ...] = ()
    for item in items[position + 1 : position + 1 + _MOST_ARGUMENTS]:
        op, taken = item.op, 0
        if op == "KW_NAMES":
            keywords = item.const if isinstance(item.const, tuple) else ()
        elif op == "CALL":
            if item.arg >= depth:
                place = item.arg - depth
                if place >= item.arg - len(keywords):
                    place = 0 if keywords[place - item.arg] in ("key", "name") else 2
                return ("key", "getter", "")[min(place, 2)]
            taken, keywords = item.arg + 1, ()
        elif op == "BINARY_SUBSCR" and depth == 1:
            return "key"
        elif op in _BINARY:
            taken = 2
        elif op in _ATTRIBUTES:
            taken = 1
        elif op.startswith("BUILD_"):
            taken = item.arg
        elif not op.startswith("LOAD_"):
            return ""
        if op != "KW_NAMES":
            if taken >= depth:
                return ""
            depth += 1 - taken
    return ""


def _through_globals(items: list[Instruction], position: int) -> str | None:
    """The name read by `globals()["X"]`."""
    run = items[position : position + 3]
    if [item.op for item in run] != ["CALL", "LOAD_CONST", "BINARY_SUBSCR"]:
        return None
    return run[1].const if isinstance(run[1].const, str) else None


def _imported(
    items: list[Instruction],
    position: int,
    stored: Counter[str],
    cells: set[str],
    bound: dict[str, Reference],
) -> Iterator[Reference]:
    module = str(items[position].name)
    level_item, names = items[position - 2], items[position - 1].const
    level = level_item.const if isinstance(level_item.const, int) else 0
    after = position + 1
    if names is not None:
        if items[after].op != "IMPORT_FROM":
            # `from module import *`, or nothing that is bound.
            yield Reference(module, level)
        while after + 1 < len(items) and items[after].op == "IMPORT_FROM":
            reference = Reference(module, level, (str(items[after].name),))
            yield from _bind(reference, items[after + 1], stored, cells, bound)
            after += 2
        return
    whole = module
    if after < len(items) and items[after].op == "IMPORT_FROM":
        while items[after].op in ("IMPORT_FROM", "SWAP", "POP_TOP"):
            after += 1
    else:
        # `import a.b` binds `a`, but runs `a.b` first.
        whole = module.partition(".")[0]
        yield Reference(module, level, ("",))
    yield from _bind(Reference(whole, level), items[after], stored, cells, bound)


def _bind(
    reference: Reference,
    store: Instruction,
    stored: Counter[str],
    cells: set[str],
    bound: dict[str, Reference],
) -> Iterator[Reference]:
    """Follow an import to the uses of its variable, where only the import sets that."""
    name = store.names[0] if store.names else None
    if store.op == "STORE_FAST" and name is not None and stored[name] == 1 and name not in cells:
        bound[name] = reference
        yield Reference(reference.module, reference.level, (*reference.chain, ""))
    else:
        yield reference
