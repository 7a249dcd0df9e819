"""In which order bindings are loaded, so that each finds what it needs while it is built.

Building a dictionary calls its keys' `__hash__`, and building an instance its `__setstate__`:
code of the user's, which reads globals. The order of definition will not do alone, since a name
keeps its place when a notebook's cell is run again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any

from dtset.execution.shipping.survey import Binding, Key, Survey

PLAIN = (str, bytes, int, float, complex, bool, type(None), ModuleType)


def loading_order(survey: Survey) -> list[Binding]:
    """Plain values, then code, then other values, each after what its classes' code reads."""
    places = {
        space.index: {name: place for place, name in enumerate(space.globals)}
        for space in survey.spaces.values()
    }

    def rank(binding: Binding) -> tuple[int, int, int]:
        index = binding.space.index
        return _phase(binding.value), -index, places[index].get(binding.name, 0)

    defined = sorted(survey.bindings.values(), key=rank)
    early = [binding for binding in defined if _phase(binding.value) < 2]
    return early + _after_their_needs([b for b in defined if _phase(b.value) == 2], survey)


def _phase(value: object) -> int:
    if isinstance(value, PLAIN):
        return 0
    return 1 if isinstance(value, (FunctionType, type)) else 2


def _after_their_needs(bindings: list[Binding], survey: Survey) -> list[Binding]:
    """Depth first through what code reads; only values with a phase of their own are kept."""
    done: dict[Key, Binding] = {}
    seen: set[Key] = set()
    for start in bindings:
        stack: list[tuple[Key, Iterator[Key]]] = []
        _enter(start.key, survey, seen, stack)
        while stack:
            key, needs = stack[-1]
            for need in needs:
                if _enter(need, survey, seen, stack):
                    break
            else:
                stack.pop()
                done[key] = survey.bindings[key]
    return [binding for binding in done.values() if _phase(binding.value) == 2]


def _enter(
    key: Key, survey: Survey, seen: set[Key], stack: list[tuple[Key, Iterator[Key]]]
) -> bool:
    if key in seen or key not in survey.bindings:
        return False
    seen.add(key)
    stack.append((key, iter(_needs(survey.bindings[key], survey))))
    return True


def _needs(binding: Binding, survey: Survey) -> Iterable[Key]:
    """Keys of the bindings that code run while a value is built, or called by it, may read."""
    value = binding.value
    code: list[Any] = [value]
    classes = [value] if isinstance(value, type) else survey.instances.get(binding.key, ())
    for cls in classes:
        for base in cls.__mro__:
            code.extend(vars(base).values())
    for member in code:
        function = getattr(member, "__func__", member) if type(member) in _WRAPPED else member
        yield from survey.reads.get(id(function), ())


_WRAPPED = (staticmethod, classmethod)
