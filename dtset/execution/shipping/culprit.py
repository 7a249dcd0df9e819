"""Which part of a value it is that cannot be pickled, for the error's sake."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from types import FunctionType, MethodType
from typing import Any

from dtset.fingerprint.origin import HEAP_TYPE

_DEPTH = 30


def path_to_culprit(value: object, pickles: Callable[[object], bool]) -> tuple[str, ...]:
    """Name the way from a value to the innermost part of it that cannot be pickled."""
    steps: list[str] = []
    seen: set[int] = set()
    while len(steps) < _DEPTH and id(value) not in seen:
        seen.add(id(value))
        try:
            parts = list(_parts(value))
        except Exception:
            # The user's own properties and look-ups may raise anything: it is they that cannot be seen into.
            break
        for label, part in parts:
            if id(part) not in seen and not pickles(part):
                steps.append(label)
                value = part
                break
        else:
            break
    kind = type(value)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    return (*steps, name)


def _parts(value: Any) -> Iterator[tuple[str, object]]:
    if isinstance(value, FunctionType):
        names = value.__code__.co_freevars
        for name, cell in zip(names, value.__closure__ or (), strict=True):
            try:
                yield f"closure {name}", cell.cell_contents
            except ValueError:
                continue
        yield from ((f"default {i}", part) for i, part in enumerate(value.__defaults__ or ()))
        yield from ((f"default {k}", part) for k, part in (value.__kwdefaults__ or {}).items())
    elif isinstance(value, MethodType):
        yield "instance", value.__self__
        yield f"function {value.__func__.__qualname__}", value.__func__
    elif isinstance(value, functools.partial):
        yield "function", value.func
        yield from ((f"argument {i}", part) for i, part in enumerate(value.args))
        yield from ((f"argument {k}", part) for k, part in value.keywords.items())
    elif isinstance(value, dict):
        yield from ((f"[{_shown(key)}]", part) for key, part in value.items())
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((f"[{i}]", part) for i, part in enumerate(value))
    elif isinstance(value, type):
        yield from ((f"class attribute {k}", part) for k, part in vars(value).items())
        return
    if not isinstance(value, type):
        yield from ((f"attribute {k}", part) for k, part in getattr(value, "__dict__", {}).items())
        for name in _slots(type(value)):
            if hasattr(value, name):
                yield f"attribute {name}", getattr(value, name)
        if type(value).__flags__ & HEAP_TYPE:
            yield f"class {type(value).__qualname__}", type(value)


def _slots(cls: type) -> Iterator[str]:
    for base in cls.__mro__:
        slots = vars(base).get("__slots__", ())
        yield from (slots,) if isinstance(slots, str) else slots


def _shown(key: object) -> str:
    return repr(key) if isinstance(key, (str, int)) else type(key).__qualname__
