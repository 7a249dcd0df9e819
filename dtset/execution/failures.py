"""Exceptions of user functions, on their way from a task to the driver.

On a worker, the user's classes are the shipment's copies. An exception travels by reference to its class,
so that the driver raises the class of its own that the user's ``except`` names.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

from dtset.storage.blocks import decode_block, encode_block
from dtset.storage.pickling import present_class

if TYPE_CHECKING:
    from dtset.execution.shipping import Program

__all__ = ["TaskFailedError", "packed"]

_LONGEST_CHAIN = 8
_MOST_FRAMES = 60

# What makes an exception again, its arguments, and its state.
_Recipe: TypeAlias = tuple[Any, tuple[Any, ...], dict[str, Any]]


class TaskFailedError(Exception):
    """Carries an exception out of a task; the driver raises what `unpack` returns."""

    def __init__(self, block: bytes, text: str) -> None:
        super().__init__(block, text)
        self.block = block
        self.text = text

    def unpack(self) -> BaseException:
        """Return the exception, of the driver's class, with the traceback of where it was raised."""
        chain = [_made(*recipe) for recipe in decode_block(self.block, present_class)]
        for error, cause in pairwise(chain):
            error.__cause__ = cause
        return chain[0].with_traceback(self.__traceback__)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"TaskFailedError({self.text!r})"


def packed(error: BaseException, program: Program) -> TaskFailedError:
    """Pack an exception and its causes, with its traceback, so that they survive the way to the driver."""
    recipes = [_recipe(each, program) for each in _chain(error)]
    failure = TaskFailedError(encode_block(recipes), _text(error))
    return failure.with_traceback(_shortened(error.__traceback__))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, its cause, the cause of that."""
    for _ in range(_LONGEST_CHAIN):
        if error is None:
            return
        yield error
        error = error.__cause__


def _recipe(error: BaseException, program: Program) -> _Recipe:
    """How to make an exception again: as its class says, else from its parts, else from what it says."""
    state = {name: value for name, value in vars(error).items() if _travels(value)}
    try:
        # The class's own way, and not copyreg's, in which a library may send tracebacks along.
        reduced = error.__reduce__()
    except Exception:
        reduced = ()
    cls = _nearest(type(error))
    candidates: list[_Recipe] = []
    if isinstance(reduced, tuple) and len(reduced) >= 2 and cls is type(error):
        candidates.append((reduced[0], reduced[1], state))
    candidates.append((cls, error.args, state))
    for recipe in candidates:
        try:
            made = _made(*decode_block(encode_block([recipe]), program.resolve)[0])
        except Exception:
            continue
        if type(made) is cls and made.args == error.args:
            return recipe
    # Exceptions whose __init__ takes other arguments than .args, or that hold what cannot travel.
    try:
        recipe = (_without_init, (cls, error.args), state)
        _made(*decode_block(encode_block([recipe]), program.resolve)[0])
    except Exception:
        return RuntimeError, (_text(error),), {"__notes__": list(getattr(error, "__notes__", ()))}
    return recipe


def _made(make: Any, args: tuple[Any, ...], state: dict[str, Any]) -> BaseException:
    """Make an exception again."""
    error: BaseException = make(*args)
    vars(error).update(state)
    return error


def _without_init(cls: type[BaseException], args: tuple[object, ...]) -> BaseException:
    """Make an exception without calling its ``__init__``."""
    error = cls.__new__(cls, *args)
    error.args = args
    return error


def _nearest(cls: type[BaseException]) -> type[BaseException]:
    """The class itself or, where it is defined in a function and has no name to go by, its nearest base."""
    for each in cls.__mro__:
        if "<locals>" not in each.__qualname__ and issubclass(each, BaseException):
            return each
    return RuntimeError


def _travels(value: object) -> bool:
    """Whether an attribute of an exception can be sent."""
    try:
        encode_block([value])
    except Exception:
        return False
    return True


def _text(error: BaseException) -> str:
    """What an exception says, even where saying it fails."""
    try:
        return f"{type(error).__qualname__}: {error}"
    except Exception as failure:
        return f"{type(error).__qualname__}, whose __str__ raised {type(failure).__qualname__}"


def _shortened(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback without the middle of a recursion: pickling it would recurse as deep."""
    frames = []
    while traceback is not None:
        frames.append(traceback)
        traceback = traceback.tb_next
    if len(frames) > _MOST_FRAMES:
        frames = [*frames[: _MOST_FRAMES // 2], *frames[-_MOST_FRAMES // 2 :]]
    shortened = None
    for each in reversed(frames):
        shortened = TracebackType(shortened, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return shortened
