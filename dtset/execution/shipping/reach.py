"""What a code object reads from outside itself: global names, attributes of them, imports.

They are those that fingerprints see, so that what travels is what counts, and annotations and the like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType
from weakref import WeakKeyDictionary

from dtset.fingerprint.code import seen_by
from dtset.fingerprint.instructions import decode
from dtset.fingerprint.pruning import NO_EFFECT, Reads
from dtset.fingerprint.references import Reference, references

MODULE_NAME = re.compile(r"\.*[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\Z")
_LOOKUPS = frozenset({"import_module", "__import__", "modules"})


@dataclass(frozen=True, slots=True)
class Reach:
    """All that a code object, with the code nested in it, reads from outside.

    `strings` are constants that may name modules, where modules are looked up by name; `sees` is what else
    the code may look at: all globals, subclasses.
    """

    references: tuple[Reference, ...]
    strings: tuple[str, ...]
    sees: Reads


def reach_of(code: CodeType) -> Reach:
    """What `code` reads from outside itself."""
    known = _KNOWN.get(code)
    if known is None:
        known = _KNOWN[code] = _analyse(code)
    return known


_KNOWN: WeakKeyDictionary[CodeType, Reach] = WeakKeyDictionary()


def _analyse(code: CodeType) -> Reach:
    items = [item for item in decode(code) if item.op not in NO_EFFECT]
    found = dict.fromkeys(references(code, items))
    strings = dict.fromkeys(_module_names(code))
    sees = seen_by(items)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner = reach_of(constant)
            found.update(dict.fromkeys(inner.references))
            strings.update(dict.fromkeys(inner.strings))
            sees |= inner.sees
    return Reach(tuple(found), tuple(strings), sees)


def _module_names(code: CodeType) -> Iterator[str]:
    if _LOOKUPS.isdisjoint(code.co_names):
        return
    for constant in code.co_consts:
        for value in constant if isinstance(constant, (tuple, frozenset)) else (constant,):
            if isinstance(value, str) and MODULE_NAME.match(value):
                yield value
