"""Exceptions of user functions, on their way from a task to the driver.

On a worker, the user's classes are the shipment's copies. An exception travels by reference to its class,
so that the driver raises the class of its own that the user's ``except`` names; with it travel its cause, its
context and the members of a group, each with its traceback. What cannot be made again is stood for.
"""

from __future__ import annotations

import builtins
import inspect
import re
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeAlias, cast

from dtset.operators.kernels.failure import notes_of, text_of
from dtset.storage.batch import Rows, rows_of
from dtset.storage.blocks import decode_block, encode_block
from dtset.storage.pickling import ClassResolver, present_class

_MOST_ERRORS = 64
_MOST_FRAMES = 60
_DEEPEST = 3
_LONGEST_TEXT = 1000
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")

# What makes an exception again, with what, its own state, its attributes, and its ``args``.
_Recipe: TypeAlias = tuple[Any, tuple[Any, ...], Any, dict[str, Any], tuple[Any, ...] | None]
# File, function, line and module of each frame.
_Frames: TypeAlias = list[tuple[str, str, int, str]]


@dataclass(frozen=True)
class _Packed:
    """An exception, ready to travel; other exceptions by their number."""

    block: bytes
    said: str
    names: tuple[str, str, str, str]
    notes: list[str]
    cause: int | None
    context: int | None
    suppress: bool
    members: list[int]


class TaskFailedError(Exception):
    """Carries an exception out of a task; the driver raises what `unpack` returns."""

    def __init__(
        self, text: str, errors: Sequence[_Packed], tracebacks: Sequence[TracebackType | None]
    ) -> None:
        # Of a long one, Dask would make another exception.
        super().__init__(text[:_LONGEST_TEXT])
        self._errors = errors
        self._tracebacks = tracebacks

    def unpack(self) -> BaseException:
        """Return the exception, of the driver's class, with the traceback of where it was raised."""
        made: dict[int | None, BaseException] = {}
        for number in range(len(self._errors)):
            self._make(number, made)
        for number, packed_error in enumerate(self._errors):
            error = made[number]
            error.__cause__ = made.get(packed_error.cause)
            error.__context__ = made.get(packed_error.context)
            error.__suppress_context__ = packed_error.suppress
            error.__traceback__ = self._tracebacks[number]
            for note in packed_error.notes:
                error.add_note(note)
        return made[0]

    def _make(self, number: int, made: dict[int | None, BaseException]) -> BaseException:
        if number not in made:
            packed_error = self._errors[number]
            members = [self._make(each, made) for each in packed_error.members]
            made[number] = _unpacked(packed_error, members)
        return made[number]

    def __reduce__(self) -> tuple[Any, ...]:
        frames = [list(_frames(each)) for each in self._tracebacks]
        return _arrived, (str(self), self._errors, frames)


def _arrived(text: str, errors: Sequence[_Packed], frames: Sequence[_Frames]) -> TaskFailedError:
    return TaskFailedError(text, errors, [_traceback(each) for each in frames])


def packed(error: BaseException, resolver: ClassResolver) -> TaskFailedError:
    """Pack an exception and those that led to it, so that they survive the way to the driver."""
    errors = _reachable(error)
    numbers = {id(each): number for number, each in enumerate(errors)}
    return TaskFailedError(
        text_of(error),
        [_pack(each, numbers, resolver) for each in errors],
        [_shortened(each.__traceback__) for each in errors],
    )


def _reachable(error: BaseException) -> list[BaseException]:
    errors: dict[int, BaseException] = {}
    waiting: list[BaseException | None] = [error]
    while waiting and len(errors) < _MOST_ERRORS:
        each = waiting.pop(0)
        if each is not None and id(each) not in errors:
            errors[id(each)] = each
            waiting += [*_members(each), each.__cause__, each.__context__]
    return list(errors.values())


def _members(error: BaseException) -> tuple[BaseException, ...]:
    return error.exceptions if isinstance(error, BaseExceptionGroup) else ()


def _pack(error: BaseException, numbers: dict[int, int], resolver: ClassResolver) -> _Packed:
    cls = type(error)
    known = next(each for each in cls.__mro__ if vars(builtins).get(each.__name__) is each)
    members = [numbers[id(each)] for each in _members(error) if id(each) in numbers]
    found = _found_recipe(error, resolver, bool(members))
    return _Packed(
        block=found[1] if found else b"",
        said=_said(error),
        names=(known.__name__, cls.__name__, cls.__qualname__, cls.__module__),
        notes=notes_of(error),
        cause=numbers.get(id(error.__cause__)),
        context=numbers.get(id(error.__context__)),
        suppress=error.__suppress_context__,
        members=members,
    )


def _unpacked(packed_error: _Packed, members: list[BaseException]) -> BaseException:
    """Make an exception again or, where this process cannot, what stands for it."""
    try:
        if packed_error.block:
            (recipe,) = rows_of(decode_block(packed_error.block, present_class))
            return _made(recipe, members)
    except BaseException as failure:
        packed_error.notes.append(f"dtset: not made again in the driver, due to {text_of(failure)}")
    said = packed_error.said
    base, name, qualname, module = packed_error.names
    args = (said, members) if members else (said,)
    return _stand_in(getattr(builtins, base), name, qualname, module, said, args)


def _found_recipe(
    error: BaseException, resolver: ClassResolver, is_group: bool = False, depth: int = 0
) -> tuple[_Recipe, bytes] | None:
    """How to make an exception again, also encoded: the first way that gives its like; None if there is none."""
    members = list(_members(error)) if is_group else []
    recipes = _group_recipes(error) if is_group else _recipes(error, _Sending(resolver, depth))
    for recipe in recipes:
        try:
            block = encode_block(Rows([recipe]))
            (sent,) = rows_of(decode_block(block, resolver))
            if _is_like(_made(sent, members), error):
                return recipe, block
        except BaseException:
            continue
    return None


def _recipes(error: BaseException, sending: _Sending) -> Iterator[_Recipe]:
    """Ways to make an exception again: as its class says, from its parts, what stands for it as closely as can be."""
    cls = type(error)
    state, args = sending.attributes(vars(error)), sending.arguments(error.args)
    try:
        # The class's own way, and not copyreg's, in which a library may send tracebacks along.
        make, its_args, own, *_ = (*cast(tuple[Any, ...], error.__reduce_ex__(5)), None)
    except BaseException:
        make, its_args, own = cls, args, None
    if isinstance(own, dict):
        own = sending.attributes(own)
    if isinstance(its_args, tuple):
        yield make, sending.arguments(its_args), own, state, args
    yield _without_init, (cls, args), None, state, args
    if (parameters := _parameters(error)) is not None:
        yield cls, sending.arguments(parameters), None, state, args
    for base in cls.__mro__:
        if issubclass(base, BaseException) and _may_be_derived_from(base):
            names = (cls.__name__, cls.__qualname__, cls.__module__)
            yield _stand_in, (base, *names, _said(error), args), None, state, args


def _parameters(error: BaseException) -> tuple[object, ...] | None:
    """What the class was called with, by attributes that are called as its parameters are."""
    try:
        names = list(inspect.signature(type(error)).parameters)
        return tuple(getattr(error, name) for name in names)
    except BaseException:
        return None


def _group_recipes(error: BaseException) -> Iterator[_Recipe]:
    message = error.args[0] if error.args else _said(error)
    state = _Sending(present_class).attributes(vars(error))
    yield BaseExceptionGroup.__new__, (type(error), message), None, state, None


def _made(recipe: _Recipe, members: list[BaseException]) -> BaseException:
    make, given, own, state, args = recipe
    error: BaseException = make(*given, members) if members else make(*given)
    if own is not None:
        error.__setstate__(own)
    vars(error).update(state)
    if args is not None:
        error.args = args
    return error


def _without_init(cls: type[BaseException], args: tuple[object, ...]) -> BaseException:
    return cls.__new__(cls, *args)


def _stand_in(
    base: type[BaseException],
    name: str,
    qualname: str,
    module: str,
    said: str,
    args: tuple[object, ...],
) -> BaseException:
    """Make what stands for an exception: of a class derived from one of its bases, by its name, saying what it said."""

    def __str__(self: BaseException) -> str:
        return said

    names = {"__module__": module, "__qualname__": qualname, "__str__": __str__}
    return _without_init(type(name, (base,), names), args)


def _may_be_derived_from(cls: type) -> bool:
    hooks = (each for each in cls.__mro__ if "__init_subclass__" in vars(each))
    return type(cls) is type and next(hooks) is object


def _is_like(made: BaseException, error: BaseException) -> bool:
    traceback.format_exception_only(made)
    # What the interpreter asks an uncaught one for.
    for asked in ("__notes__", "print_file_and_line"):
        getattr(made, asked, None)
    as_named = type(made).__qualname__ == type(error).__qualname__
    same_text = _ADDRESS.sub("", _said(made)) == _ADDRESS.sub("", _said(error))
    return as_named and same_text


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:
        return text_of(error)


@dataclass(frozen=True)
class _Sending:
    """Parts of an exception as they are sent, with what stands for those that cannot be."""

    resolver: ClassResolver
    depth: int = 0

    def arguments(self, args: tuple[object, ...]) -> tuple[object, ...]:
        """Arguments, with a text in place of what cannot be sent."""
        ready = tuple(map(self._ready, args))
        return tuple(each if self._travels(each) else _Text(f"{each!r:.200}") for each in ready)

    def attributes(self, state: dict[str, Any]) -> dict[str, Any]:
        """What can be sent of the attributes; notes travel apart."""
        ready = {name: self._ready(each) for name, each in state.items() if name != "__notes__"}
        return {name: each for name, each in ready.items() if self._travels(each)}

    def _ready(self, value: object) -> object:
        """Return an exception in an exception as what makes it again, anything else as it is."""
        if not isinstance(value, BaseException) or self.depth == _DEEPEST:
            return value
        found = _found_recipe(value, self.resolver, depth=self.depth + 1)
        return value if found is None else _Again(found[0])

    def _travels(self, value: object) -> bool:
        try:
            list(rows_of(decode_block(encode_block(Rows([value])), self.resolver)))
        except BaseException:
            return False
        return True


class _Text(str):
    """Stands for what cannot be sent; an exception that holds a file closes it when it is gone."""

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class _Again:
    """An exception on its way: it is one again when it has been read."""

    recipe: _Recipe

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self.recipe, [])


def _shortened(found: TracebackType | None) -> TracebackType | None:
    frames = []
    while found is not None:
        frames.append(found)
        found = found.tb_next
    if len(frames) > _MOST_FRAMES:
        frames = [*frames[: _MOST_FRAMES // 2], *frames[-_MOST_FRAMES // 2 :]]
    shortened = None
    for each in reversed(frames):
        shortened = TracebackType(shortened, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return shortened


def _frames(found: TracebackType | None) -> Iterator[tuple[str, str, int, str]]:
    while found is not None:
        code = found.tb_frame.f_code
        module = found.tb_frame.f_globals.get("__name__", "")
        yield code.co_filename, code.co_name, found.tb_lineno, str(module)
        found = found.tb_next


def _traceback(frames: _Frames) -> TracebackType | None:
    """Make a traceback that prints as another did, in another process."""
    made: TracebackType | None = None
    for filename, name, line, module in reversed(frames):
        try:
            exec(_RAISING.replace(co_filename=filename, co_name=name), {"__name__": module})
        except ZeroDivisionError as raised:
            within = cast(TracebackType, cast(TracebackType, raised.__traceback__).tb_next)
            # No instruction: its place in the line is another code's.
            made = TracebackType(made, within.tb_frame, -1, line)
    return made


_RAISING = compile("1 / 0", "<raised>", "exec")
