"""Exceptions of user functions, on their way from a task to the driver.

On a worker, the user's classes are the shipment's copies. An exception travels by reference to its class,
so that the driver raises the class of its own that the user's ``except`` names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dtset.storage.blocks import decode_block, encode_block
from dtset.storage.pickling import present_class

if TYPE_CHECKING:
    from dtset.execution.shipping import Program

__all__ = ["TaskFailedError", "packed"]


class TaskFailedError(Exception):
    """Carries an exception out of a task; the driver raises what `unpack` returns."""

    def __init__(self, block: bytes, text: str) -> None:
        super().__init__(block, text)
        self.block = block
        self.text = text

    def unpack(self) -> BaseException:
        """Return the exception, of the driver's class, with the traceback of where it was raised."""
        (error,) = decode_block(self.block, present_class)
        if not isinstance(error, BaseException):
            error = _rebuilt(*error)
        return error.with_traceback(self.__traceback__)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"TaskFailedError({self.text!r})"


def packed(error: Exception, program: Program) -> TaskFailedError:
    """Pack an exception, with its traceback, so that it survives the way to the driver."""
    text = f"{type(error).__qualname__}: {error}"
    failure = TaskFailedError(_block(error, program, text), text)
    return failure.with_traceback(error.__traceback__)


def _block(error: Exception, program: Program, text: str) -> bytes:
    """Encode an exception; failing that, its class and state; failing that, what it says."""
    notes = list(getattr(error, "__notes__", ()))
    try:
        block = encode_block([error])
        (copy,) = decode_block(block, program.resolve)
    except Exception:
        # Exceptions whose __init__ takes other arguments than .args come back from no pickle.
        copy = None
    if type(copy) is type(error) and copy.args == error.args:
        return block
    try:
        block = encode_block([(type(error), error.args, dict(vars(error)))])
        _rebuilt(*decode_block(block, program.resolve)[0])
    except Exception:
        return encode_block([(RuntimeError, (text,), {"__notes__": notes})])
    return block


def _rebuilt(
    cls: type[BaseException], args: tuple[object, ...], state: dict[str, object]
) -> BaseException:
    """Make an exception without calling its ``__init__``."""
    error = cls.__new__(cls, *args)
    error.args = args
    vars(error).update(state)
    return error
