"""The user's own word for the version of a function's code."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar

from dtset.errors import UsageError

__all__ = ["version", "word_of"]

_ATTRIBUTE = "__dtset_version__"
_F = TypeVar("_F", bound=Callable[..., Any])


def version(word: str) -> Callable[[_F], _F]:
    """Let a word stand for a function's code in its fingerprint.

    The body, and the globals and helpers that it reads, no longer count: change the word when you
    change what the function computes. Defaults and captured values still count.

    Examples
    --------
    >>> @version("2")
    ... def clean(text):
    ...     return text.strip()
    >>> clean(" a ")
    'a'
    """
    if not isinstance(word, str):
        raise UsageError(f"@dtset.version needs a text, such as @dtset.version('2'), not {word!r}.")

    def mark(function: _F) -> _F:
        if not isinstance(function, (FunctionType, type)):
            raise UsageError(
                f"@dtset.version goes on a function or a class, not on {function!r}; "
                "put it below the other decorators."
            )
        setattr(function, _ATTRIBUTE, (word, _identity(function)))
        return function

    return mark


def word_of(function: Any) -> str | None:
    """Return the word of a function or class itself, not one that `functools.wraps` or a base gave it."""
    marked = vars(function).get(_ATTRIBUTE)
    if isinstance(marked, tuple) and len(marked) == 2 and marked[1] == _identity(function):
        return str(marked[0])
    return None


def _identity(function: Any) -> str:
    """What tells the function that was marked from one that `functools.wraps` made look like it."""
    if isinstance(function, FunctionType):
        code = function.__code__
        return f"{code.co_qualname}:{code.co_firstlineno}:{zlib.crc32(code.co_code):08x}"
    return str(function.__qualname__)
