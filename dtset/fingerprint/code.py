"""Static analysis of code objects: a digest of what they do, and the names they read."""

from __future__ import annotations

import hashlib
import inspect
import marshal
import re
from collections.abc import Iterable
from dataclasses import dataclass
from types import CodeType
from typing import Any

from dtset.fingerprint.flow import flow
from dtset.fingerprint.instructions import Instruction, apply_swaps, decode, variables
from dtset.fingerprint.pruning import Capture, Reads, prune
from dtset.fingerprint.references import Reference, references

_FLAGS = (
    inspect.CO_VARARGS
    | inspect.CO_VARKEYWORDS
    | inspect.CO_GENERATOR
    | inspect.CO_COROUTINE
    | inspect.CO_ITERABLE_COROUTINE
    | inspect.CO_ASYNC_GENERATOR
)
_SEE_ALL = Reads.DOCS | Reads.ANNOTATIONS | Reads.NAMES | Reads.LOCALS
_SEEN_BY = {
    **dict.fromkeys(
        ("inspect", "signature", "__signature__", "getfullargspec", "Signature", "__code__"), _SEE_ALL
    ),
    **dict.fromkeys(("__doc__", "getdoc", "pydoc", "help", "doctest"), Reads.DOCS),
    **dict.fromkeys(
        (
            "__annotations__", "__orig_bases__", "get_original_bases", "get_type_hints", "get_annotations", "singledispatch",
            "singledispatchmethod", "register", "dataclass", "make_dataclass", "NamedTuple",
            "TypedDict", "validate_call", "beartype", "typechecked", "BaseModel",
        ),
        Reads.ANNOTATIONS,
    ),
    **dict.fromkeys(("__name__", "__qualname__", "co_name", "co_qualname"), Reads.NAMES),
    **dict.fromkeys(
        (
            "locals", "exec", "_getframe", "currentframe", "f_locals", "f_code",
            "__closure__", "getclosurevars", "cell_contents", "co_freevars", "co_cellvars", "gi_frame", "cr_frame", "ag_frame", "tb_frame", "co_varnames",
            "extract_stack", "format_stack", "stack",
        ),
        Reads.LOCALS,
    ),
    **dict.fromkeys(("__dict__", "__slots__"), Reads.STATE),
    **dict.fromkeys(("__globals__", "f_globals", "__builtins__"), Reads.GLOBALS),
    # pandas and numexpr look names up where they are called.
    **dict.fromkeys(("eval", "query", "numexpr"), Reads.LOCALS | Reads.OWN_GLOBALS),
    **dict.fromkeys(
        ("getsource", "getsourcelines", "co_firstlineno", "co_lines", "co_positions", "f_lineno"),
        _SEE_ALL | Reads.SOURCE,
    ),
    "__subclasses__": Reads.SUBCLASSES,
    "dir": Reads.LOCALS | Reads.STATE,
    "vars": Reads.LOCALS | Reads.STATE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is known of a code object without running it.

    `free` are the captured variables, in the order in which their values are to be given; `observers` are globals that decorate
    nested functions, and may read the annotations that so count.
    """

    digest: bytes
    free: tuple[str, ...]
    references: tuple[Reference, ...]
    sees: Reads
    observers: frozenset[str] = frozenset()


# As attributes these are far more often something else than a reader of functions.
_ONLY_GLOBAL = frozenset(("help", "inspect", "doctest", "pydoc", "exec"))
_ONLY_IF_CALLED = frozenset(("dir", "eval", "query", "vars"))
_ATTRIBUTES = frozenset(("LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "DELETE_ATTR"))
_DUNDER = re.compile(r"__\w+?__")
_known: dict[tuple[int, Reads, bool, frozenset[str]], tuple[CodeType, Analysis]] = {}
_MOST_KNOWN = 50_000
_MOST_DATA = 4096


def analyse(
    code: CodeType,
    reads: Reads = Reads.NOTHING,
    keeps: bool = False,
    trusted: frozenset[str] = frozenset(),
) -> Analysis:
    """Analyse a code object; the analysis is kept for the next time.

    With `keeps`, it is the body of a class whose annotations count; `trusted` are observers that show by their own code whether
    they read annotations.
    """
    key = (id(code), reads, keeps, trusted)
    entry = _known.get(key)
    if entry is None:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        # The code object is held so that its id is not given to another one.
        entry = _known[key] = (code, _Reader(code, reads, keeps, trusted).analysis())
    return entry[1]


class _Reader:
    def __init__(self, code: CodeType, reads: Reads, keeps: bool, trusted: frozenset[str]) -> None:
        self.code = code
        self.reads = reads
        self.found = decode(code)
        apply_swaps(self.found)
        _sort_sets(self.found)
        self.trusted = trusted
        kept = prune(code, self.found, reads, keeps, trusted)
        _unify_calls(self.found)
        self.positions, self.captures = kept.positions, kept.captures
        self.observers = frozenset(kept.observers)
        self.nested: list[Analysis] = []
        parameters = code.co_argcount + code.co_kwonlyargcount
        parameters += bool(code.co_flags & inspect.CO_VARARGS)
        parameters += bool(code.co_flags & inspect.CO_VARKEYWORDS)
        self.parameters = code.co_varnames[:parameters]
        self.numbers = {name: number for number, name in enumerate(self.parameters)}
        self.free: list[str] = []
        self.captured = frozenset(code.co_freevars)
        self.own_cells = frozenset(code.co_cellvars)

    def analysis(self) -> Analysis:
        items = [self.found[position] for position in self.positions]
        body = self.body()
        # What only annotations use is captured too. `super()` takes `__class__` without loading it.
        rest = sorted(self.captured - set(self.free))
        if Reads.LOCALS not in self.reads:
            rest = [name for name in rest if name == "__class__"]
        free = (*self.free, *rest)
        header = [
            self.parameters,
            self.code.co_argcount,
            self.code.co_posonlyargcount,
            self.code.co_kwonlyargcount,
            self.code.co_flags & _FLAGS,
            rest,
            self.visible(),
        ]
        digest = hashlib.sha256(marshal.dumps([header, body], 2)).digest()
        found = set(references(self.code, items))
        sees = seen_by(items)
        for nested in self.nested:
            found.update(nested.references)
            sees |= nested.sees
            self.observers |= nested.observers
        return Analysis(digest, free, tuple(sorted(found)), sees, self.observers)

    def visible(self) -> list[object]:
        """What is part of the code only because something reads it."""
        seen: list[object] = []
        if Reads.DOCS in self.reads and self.code.co_flags & inspect.CO_OPTIMIZED:
            first = self.code.co_consts[:1]
            seen.append(first[0] if first and isinstance(first[0], str) else None)
        if Reads.NAMES in self.reads and self.code.co_name != "<lambda>":
            seen.append(self.code.co_name)
        if Reads.LOCALS in self.reads:
            seen.append(variables(self.code))
        if Reads.SOURCE in self.reads:
            lines = [list(line) for line in self.code.co_lines()]
            seen.append([lines, _source(self.code)])
        return seen

    def body(self) -> list[object]:
        """Encode the steps in the order of their numbers; only ways on that are not to the next are written."""
        encoded: list[object] = []
        for number, step in enumerate(flow(self.found, self.positions, self.captures)):
            encoded.append(self.token(step.position, step.op))
            if step.follows != number + 1:
                encoded.append(("then", step.follows))
            if step.jump is not None:
                encoded.append(("jump", step.jump))
            if step.catch is not None:
                encoded.append(("catch", *step.catch))
        return encoded

    def token(self, position: int, op: str) -> object:
        item = self.found[position]
        if item.target is not None:
            return op
        if item.op == "LOAD_CONST" or item.op == "RETURN_CONST" or item.op == "KW_NAMES":
            return (item.op, self.constant(item.const, position))
        if item.names:
            if item.names[0] in self.own_cells:
                # Who shares a variable is said where nested code is given it.
                op = item.op.replace("_DEREF", "_FAST")
            return (op, *(self.variable(name, item.op) for name in item.names))
        if item.name is not None:
            return (item.op, item.name, item.arg)
        return (item.op, item.arg)

    def variable(self, name: str, op: str = "") -> object:
        if name not in self.numbers:
            self.numbers[name] = len(self.numbers)
        if name in self.captured and name not in self.free:
            self.free.append(name)
        is_looked_up = op in ("LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF")
        if name == "__class__" or (is_looked_up and name in self.code.co_names):
            # A class body looks among its own names first.
            return (self.numbers[name], name)
        return self.numbers[name]

    def constant(self, value: object, position: int) -> object:
        if isinstance(value, CodeType):
            capture = self.captures.get(position, Capture())
            nested = analyse(value, self.reads, capture.keeps_annotations, self.trusted)
            self.nested.append(nested)
            given = [self.variable(name) for name in nested.free]
            return ("code", nested.digest, given)
        return _plain_constant(value)


def _source(code: CodeType) -> str | None:
    try:
        return inspect.getsource(code)
    except (OSError, TypeError):
        return None


def _unify_calls(found: list[Instruction]) -> None:
    """Write a call of an attribute in one way: of its two, the compiler chooses by what the same text imports."""
    for item in found:
        if item.op == "LOAD_METHOD":
            item.op = "LOAD_ATTR"
        if item.op in ("LOAD_ATTR", "LOAD_GLOBAL"):
            item.arg = 0
        elif item.op == "LOAD_SUPER_ATTR":
            item.arg &= 2


def _sort_sets(found: list[Instruction]) -> None:
    """Put the constants of a set literal in order; equal ones stay, as the first is what the set holds."""
    for position, item in enumerate(found):
        run = found[position - item.arg : position] if item.op == "BUILD_SET" else []
        if len(run) < 2 or any(each.op != "LOAD_CONST" for each in run):
            continue
        if len({each.const for each in run}) == len(run):
            ordered = sorted(run, key=lambda each: marshal.dumps(_plain_constant(each.const), 2))
            found[position - item.arg : position] = ordered


def _plain_constant(value: Any) -> Any:
    if isinstance(value, frozenset):
        return ("frozenset", sorted(marshal.dumps(_plain_constant(part), 2) for part in value))
    if isinstance(value, tuple):
        return ("tuple", [_plain_constant(part) for part in value])
    if isinstance(value, slice):
        return ("slice", _plain_constant((value.start, value.stop, value.step)))
    return ("is", value)


def seen_by(items: list[Instruction]) -> Reads:
    """What code sees of functions besides what they do, by its instructions."""
    seen = Reads.NOTHING
    for position, item in enumerate(items):
        if item.name in _ONLY_IF_CALLED:
            seen |= _seen_by_call(items, position)
        elif item.name is not None and (
            item.name not in _ONLY_GLOBAL or item.op not in _ATTRIBUTES
        ):
            seen |= _SEEN_BY.get(item.name, Reads.NOTHING)
        # A constant may be a name given to getattr, or a format such as "{0.__doc__}".
        for text in item.const if isinstance(item.const, (tuple, frozenset)) else (item.const,):
            if isinstance(text, str) and "__" in text:
                seen |= seen_by_names(_DUNDER.findall(text))
    return seen


def _seen_by_call(items: list[Instruction], position: int) -> Reads:
    """What a call of `vars`, `dir`, or of a method that may evaluate text, sees: that hangs on what it is given."""
    name, is_method = str(items[position].name), items[position].op in _ATTRIBUTES
    following = items[position + 1] if position + 1 < len(items) else None
    if following is not None and following.op == "CALL":
        # `vars()` gives the locals; `model.eval()` evaluates no text.
        return Reads.NOTHING if is_method else _SEEN_BY[name]
    if name in ("vars", "dir"):
        return Reads.STATE
    if is_method and (following is None or not following.op.startswith("LOAD_")):
        # The query of a URL, a table's: a value, not a call.
        return Reads.NOTHING
    text = following.const if following is not None else None
    if name == "query" and isinstance(text, str) and "@" not in text:
        return Reads.NOTHING
    return _SEEN_BY[name]


def seen_by_names(names: Iterable[str]) -> Reads:
    """What code sees that uses these names."""
    seen = Reads.NOTHING
    for name in names:
        seen |= _SEEN_BY.get(name, Reads.NOTHING)
    return seen


def seen_in_data(encoded: bytes) -> Reads:
    """What code may see that is given these data, among which may be names such as ``"__doc__"``."""
    if len(encoded) > _MOST_DATA or b"__" not in encoded:
        return Reads.NOTHING
    return seen_by_names(_DUNDER.findall(encoded.decode("latin-1")))
