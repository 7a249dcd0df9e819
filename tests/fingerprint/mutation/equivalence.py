"""Whether two code objects do the same: judged without any of the code under test.

Both are run side by side in thought: from the entry on, along every branch and into every handler, the same
instructions have to come in the same order. Unconditional jumps and instructions without effect are passed
over, so neither layout nor constants that nothing loads count. Locals may have other names as long as each
stands for one other.

What a statement made when it ran is compared part by part: two `class C(object)` and `class C` are the same.
"""

from __future__ import annotations

import dis
import functools
import types
from types import CodeType
from typing import Any

_SILENT = frozenset(
    ("NOP", "CACHE", "RESUME", "PRECALL", "EXTENDED_ARG", "MAKE_CELL", "COPY_FREE_VARS")
)
_JUMPS = frozenset(("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"))
_ENDS = frozenset(("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE"))
_FLAGS = 0x4 | 0x8 | 0x20 | 0x80 | 0x100 | 0x200


def same_flow(one: CodeType, other: CodeType) -> bool:
    """Whether two code objects, nested ones included, run the same instructions on every path."""
    return _Pair(one, other).same()


class _Side:
    def __init__(self, code: CodeType) -> None:
        self.code = code
        self.items = list(dis.get_instructions(code))
        self.index = {item.offset: number for number, item in enumerate(self.items)}
        self.entries = dis.Bytecode(code).exception_entries

    def settle(self, number: int) -> int:
        """The next instruction that does something."""
        seen = set()
        while number not in seen and number < len(self.items):
            seen.add(number)
            item = self.items[number]
            if item.opname in _SILENT:
                number += 1
            elif item.opname in _JUMPS:
                number = self.index[item.argval]
            else:
                break
        return number

    def handler(self, number: int) -> tuple[int, int, bool] | None:
        offset = self.items[number].offset
        for entry in self.entries:
            if entry.start <= offset < entry.end:
                return self.settle(self.index[entry.target]), entry.depth, entry.lasti
        return None


class _Pair:
    def __init__(self, one: CodeType, other: CodeType) -> None:
        self.one, self.other = _Side(one), _Side(other)
        self.there: dict[str, str] = {}
        self.back: dict[str, str] = {}
        self.waiting: list[tuple[int, int]] = []
        self.seen: set[tuple[int, int]] = set()

    def same(self) -> bool:
        one, other = self.one.code, self.other.code
        if _signature(one) != _signature(other):
            return False
        if not all(self.named(name, name) for name in _signature(one)[0]):
            return False
        self.meet(0, 0)
        while self.waiting:
            if not self.step(*self.waiting.pop()):
                return False
        return True

    def meet(self, one: int, other: int) -> None:
        pair = self.one.settle(one), self.other.settle(other)
        if pair not in self.seen:
            self.seen.add(pair)
            self.waiting.append(pair)

    def step(self, one: int, other: int) -> bool:
        first, second = self.one.items[one], self.other.items[other]
        if _undirected(first.opname) != _undirected(second.opname):
            return False
        if not self.operands(first, second):
            return False
        handlers = self.one.handler(one), self.other.handler(other)
        if handlers[0] is None or handlers[1] is None:
            if handlers[0] is not handlers[1]:
                return False
        else:
            if handlers[0][1:] != handlers[1][1:]:
                return False
            self.meet(handlers[0][0], handlers[1][0])
        if first.opcode in dis.hasjrel or first.opcode in dis.hasjabs:
            self.meet(self.one.index[first.argval], self.other.index[second.argval])
        if first.opname not in _ENDS:
            self.meet(one + 1, other + 1)
        return True

    def operands(self, first: dis.Instruction, second: dis.Instruction) -> bool:
        code = first.opcode
        if code in dis.hasjrel or code in dis.hasjabs:
            return True
        if code in dis.hasconst:
            return self.constants(first.argval, second.argval)
        if code in dis.haslocal or code in dis.hasfree:
            return self.named(first.argval, second.argval)
        if code in dis.hasname:
            shifted = first.opname == "LOAD_GLOBAL"
            bits = not shifted or (first.arg or 0) & 1 == (second.arg or 0) & 1
            return first.argval == second.argval and bits
        return first.arg == second.arg

    def named(self, first: str, second: str) -> bool:
        return (
            self.there.setdefault(first, second) == second
            and self.back.setdefault(second, first) == first
        )

    def constants(self, first: object, second: object) -> bool:
        if type(first) is not type(second):
            return False
        if isinstance(first, CodeType) and isinstance(second, CodeType):
            inner = _Pair(first, second)
            return inner.same() and all(
                self.named(name, inner.there.get(name, name)) for name in first.co_freevars
            )
        if isinstance(first, tuple) and isinstance(second, tuple):
            return len(first) == len(second) and all(map(self.constants, first, second))
        if isinstance(first, frozenset) and isinstance(second, frozenset):
            keys = [sorted((type(x).__name__, repr(x)) for x in part) for part in (first, second)]
            return keys[0] == keys[1]
        return repr(first) == repr(second)


def _signature(code: CodeType) -> tuple[tuple[str, ...], int, int, int, int]:
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & 0x4) + bool(code.co_flags & 0x8)
    return (
        code.co_varnames[:count],
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags & _FLAGS,
    )


def _undirected(name: str) -> str:
    return name.replace("_FORWARD", "").replace("_BACKWARD", "")


_PYTHONS = frozenset(
    (
        "__dict__",
        "__weakref__",
        "__module__",
        "__doc__",
        "__qualname__",
        "_abc_impl",
        "__orig_bases__",
        "__parameters__",
        "__slotnames__",
    )
)
_WRAPPERS = (staticmethod, classmethod)


def same_made(one: Any, other: Any) -> bool:
    """Whether two objects that two runs of a module made are the same, as far as that is plain to see."""
    return _same_made(one, other, {})


def _same_made(one: Any, other: Any, seen: dict[tuple[int, int], tuple[Any, Any]]) -> bool:
    if one is other or (id(one), id(other)) in seen:
        return True
    if type(one) is not type(other) and type(one).__qualname__ != type(other).__qualname__:
        return False
    # Held, so that no other object is given their ids.
    seen[id(one), id(other)] = (one, other)

    def all_same(first: Any, second: Any) -> bool:
        pairs = zip(first, second, strict=False)
        return len(first) == len(second) and all(_same_made(a, b, seen) for a, b in pairs)

    if isinstance(one, types.FunctionType):
        cells = [list(each.__closure__ or ()) for each in (one, other)]
        return (
            same_flow(one.__code__, other.__code__)
            and all_same(one.__defaults__ or (), other.__defaults__ or ())
            and _same_made(one.__kwdefaults__, other.__kwdefaults__, seen)
            and all_same(*([cell.cell_contents for cell in each] for each in cells))
            and _same_made(vars(one), vars(other), seen)
        )
    if isinstance(one, type) and isinstance(other, type):
        names = [[name for name in vars(each) if name not in _PYTHONS] for each in (one, other)]
        return (
            (one.__module__, one.__name__, type(one))
            == (other.__module__, other.__name__, type(other))
            and all_same(one.__bases__, other.__bases__)
            and names[0] == names[1]
            and all(_same_made(vars(one)[name], vars(other)[name], seen) for name in names[0])
        )
    if isinstance(one, _WRAPPERS):
        return _same_made(one.__func__, other.__func__, seen)
    if isinstance(one, property):
        return all_same((one.fget, one.fset, one.fdel), (other.fget, other.fset, other.fdel))
    if isinstance(one, functools.partial):
        return all_same(*((p.func, p.args, p.keywords) for p in (one, other)))
    if isinstance(one, (list, tuple)):
        return all_same(one, other)
    if isinstance(one, dict):
        return all_same(list(one.items()), list(other.items()))
    if isinstance(one, (types.MemberDescriptorType, types.GetSetDescriptorType)):
        return bool(one.__name__ == other.__name__)
    if isinstance(one, (types.BuiltinMethodType, types.MethodType)):
        return one.__name__ == other.__name__ and _same_made(one.__self__, other.__self__, seen)
    if type(one) is object:
        # Sentinels have no content: each must stand for one other.
        return not any((id(one) == a) != (id(other) == b) for a, b in seen)
    if isinstance(one, (set, frozenset)):
        # Elements of plain types: in what order they were put in is nobody's business.
        return sorted(map(repr, one)) == sorted(map(repr, other))
    if one == other or type(one).__module__ == "operator":
        return repr(one) == repr(other)
    if type(one).__reduce__ is object.__reduce__ and hasattr(one, "__dict__"):
        return _same_made(type(one), type(other), seen) and _same_made(vars(one), vars(other), seen)
    return False
