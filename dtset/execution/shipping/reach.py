"""What a code object reads from outside itself: global names, attributes of them, imports.

Purely static and by code object, so that one analysis serves every function made from the
same code. What cannot be followed is reported as used whole, never left out.
"""

from __future__ import annotations

import dis
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from types import CodeType
from weakref import WeakKeyDictionary

__all__ = ["Imported", "Reach", "Read", "reach_of"]

_ATTRIBUTE = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_GLOBAL = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_WRITE = frozenset({"STORE_ATTR", "DELETE_ATTR"})
_SKIPPED = frozenset({"EXTENDED_ARG", "CACHE", "NOP", "PUSH_NULL", "RESUME", "PRECALL"})
_IMPORTERS = frozenset({"import_module", "__import__"})
_LOOKUPS = _IMPORTERS | {"modules"}
_MODULE_NAME = re.compile(r"\.*[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\Z")


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import statement inside a function binds to one name."""

    module: str
    level: int = 0
    attribute: str | None = None
    leaf: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """A global name or an import, and the attributes read from it one after another.

    `used` says that what the chain ends in is used as a value, and not only assigned to;
    `named` that the last attribute is the constant argument of a `getattr`.
    """

    root: str | Imported
    attributes: tuple[str, ...] = ()
    used: bool = True
    named: bool = False


@dataclass(frozen=True, slots=True)
class Reach:
    """All that a code object, with the code nested in it, reads from outside.

    `strings` are constants that may name modules, where modules are looked up by name;
    `subclasses` says that the code asks classes for their subclasses.
    """

    reads: tuple[Read, ...]
    strings: tuple[str, ...]
    subclasses: bool


def reach_of(code: CodeType) -> Reach:
    """What `code` reads from outside itself.

    Examples
    --------
    >>> reach_of(compile("cfg.LIMIT", "", "eval")).reads
    (Read(root='cfg', attributes=('LIMIT',), used=True, named=False),)
    """
    known = _KNOWN.get(code)
    if known is None:
        known = _KNOWN[code] = _analyse(code)
    return known


_KNOWN: WeakKeyDictionary[CodeType, Reach] = WeakKeyDictionary()


def _analyse(code: CodeType) -> Reach:
    steps = [step for step in dis.get_instructions(code) if step.opname not in _SKIPPED]
    reads = dict.fromkeys(_reads(steps))
    strings = dict.fromkeys(_module_names(code))
    subclasses = "__subclasses__" in code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner = reach_of(constant)
            reads.update(dict.fromkeys(inner.reads))
            strings.update(dict.fromkeys(inner.strings))
            subclasses = subclasses or inner.subclasses
    return Reach(tuple(reads), tuple(strings), subclasses)


def _reads(steps: list[dis.Instruction]) -> Iterator[Read]:
    bound = list(_imports(steps))
    for _, imported in bound:
        yield Read(imported, used=False)
    followed = _followed_locals(steps, bound)
    for local, imported in bound:
        if followed.get(local or "") != imported:
            yield Read(imported)
    for place, step in enumerate(steps):
        if step.opname in _GLOBAL:
            yield _chain(step.argval, steps, place)
        elif step.opname.startswith("LOAD_FAST"):
            if isinstance(step.argval, str):
                if step.argval in followed:
                    yield _chain(followed[step.argval], steps, place)
            else:
                yield from (Read(followed[name]) for name in step.argval if name in followed)
    yield from _imports_by_call(steps)


def _chain(root: str | Imported, steps: list[dis.Instruction], place: int) -> Read:
    """Read the attribute loads that follow the load at `place`."""
    attributes: list[str] = []
    at = place + 1
    # `m.x += 1` copies the module first, to store into it afterwards.
    if steps[at].opname == "COPY" and steps[at + 1].opname in _ATTRIBUTE:
        at += 1
    while steps[at].opname in _ATTRIBUTE:
        attributes.append(steps[at].argval)
        at += 1
    after = steps[at]
    before = steps[place - 1] if place else after
    is_getattr = before.opname in _GLOBAL and before.argval == "getattr"
    if is_getattr and after.opname == "LOAD_CONST" and isinstance(after.argval, str):
        return Read(root, (*attributes, after.argval), named=True)
    return Read(root, tuple(attributes), used=after.opname not in _WRITE)


def _imports(steps: list[dis.Instruction]) -> Iterator[tuple[str | None, Imported]]:
    """Local variable (None: bound elsewhere) and target of each name that imports bind."""
    for place, step in enumerate(steps):
        if step.opname != "IMPORT_NAME":
            continue
        level, names = steps[place - 2].argval, steps[place - 1].argval
        at = place + 1
        if names:
            while steps[at].opname == "IMPORT_FROM":
                bound = Imported(step.argval, level, steps[at].argval)
                yield _local(steps[at + 1]), bound
                at += 2
            if at == place + 1:
                yield None, Imported(step.argval, level, leaf=True)
            continue
        leaf = steps[at].opname == "IMPORT_FROM"
        while steps[at].opname in ("IMPORT_FROM", "SWAP", "POP_TOP"):
            at += 1
        leaf = leaf or "." not in step.argval
        yield _local(steps[at]), Imported(step.argval, level, leaf=leaf)


def _local(step: dis.Instruction) -> str | None:
    return step.argval if step.opname == "STORE_FAST" else None


def _followed_locals(
    steps: list[dis.Instruction], bound: list[tuple[str | None, Imported]]
) -> dict[str, Imported]:
    """Local variables that hold one imported thing and nothing else, ever."""
    stores: Counter[str] = Counter()
    for step in steps:
        if step.opname.startswith("STORE_FAST"):
            names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
            stores.update(names)
    targets: dict[str, set[Imported]] = {}
    for local, imported in bound:
        if local is not None:
            targets.setdefault(local, set()).add(imported)
    imports = Counter(local for local, _ in bound)
    return {
        local: next(iter(found))
        for local, found in targets.items()
        if len(found) == 1 and stores[local] == imports[local]
    }


def _imports_by_call(steps: list[dis.Instruction]) -> Iterator[Read]:
    """Modules imported by `import_module("name")` or `__import__("name")`."""
    for step, following in pairwise(steps):
        if step.argval in _IMPORTERS and following.opname == "LOAD_CONST":
            name = following.argval
            if isinstance(name, str) and _MODULE_NAME.match(name):
                bare = name.lstrip(".")
                yield Read(Imported(bare, len(name) - len(bare), leaf=True))


def _module_names(code: CodeType) -> Iterator[str]:
    if _LOOKUPS.isdisjoint(code.co_names):
        return
    for constant in code.co_consts:
        for value in constant if isinstance(constant, (tuple, frozenset)) else (constant,):
            if isinstance(value, str) and _MODULE_NAME.match(value):
                yield value
