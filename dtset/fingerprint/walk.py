"""From an object to the digest and tree of all that it reaches."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from types import CodeType, FunctionType

from dtset.errors import FingerprintError
from dtset.fingerprint.description import Context, NoFingerprint
from dtset.fingerprint.graph import Edge, Node, digest_all, path_to
from dtset.fingerprint.pruning import Reads
from dtset.fingerprint.values import describe

_PLAIN = "Give the function plain data instead, or make the object inside the function"
_VERSION = "mark the function with @dtset.version('1') and change the word when its code changes"
_IGNORE = "name it in the setting dtset.fingerprint.ignore if it changes no result"


class Session:
    """Objects digested together, each once, that must not change meanwhile; without the globals in `ignore`."""

    def __init__(self, ignore: Collection[str] = ()) -> None:
        self._ignore = frozenset(ignore)
        self._known: dict[Reads, dict[int, Node]] = {}

    def digest(self, value: object, name: str) -> Node:
        """Walk over all that a value reaches, and digest it."""
        reads = Reads.NOTHING
        while True:
            node = self._walk(value, name, reads)
            if node.sees in reads:
                return node
            # Something reachable reads docstrings, annotations or names: now they count.
            reads |= node.sees

    def _walk(self, value: object, name: str, reads: Reads) -> Node:
        known = self._known.setdefault(reads, {})
        node = known.get(id(value))
        if node is not None and node.digest is not None:
            return node
        context = Context(reads, self._ignore)
        root = Node(value, None)
        made = {id(value): root}
        waiting = deque((root,))
        while waiting:
            node = waiting.popleft()
            for child in _describe(node, name, context, known, made):
                waiting.append(child)
        digest_all(root)
        known.update(made)
        return root


def _ways_out(node: Node, *, travels: bool) -> str:
    """What can be done about an object without a fingerprint: that depends on how it is reached.

    What cannot be pickled reaches no worker, whatever stands for it in a fingerprint.
    """
    if type(node.value) in (FunctionType, CodeType):
        return f"{_VERSION[0].upper()}{_VERSION[1:]}."
    while travels and node.came is not None:
        node, part = node.came
        if part.startswith("global "):
            # Only what a function reads by name can be replaced by a word, or left out.
            module = getattr(node.value, "__module__", None)
            name = part.removeprefix("global ")
            named = f"{module}.{name}" if isinstance(module, str) else name
            return f"{_PLAIN}; or {_VERSION}; or, as {named!r}, {_IGNORE}."
    return f"{_PLAIN}."


def _describe(
    node: Node, name: str, context: Context, known: dict[int, Node], made: dict[int, Node]
) -> list[Node]:
    """Fill in a node; return the parts that were not known before."""
    try:
        description = describe(node.value, context)
    except Exception as error:
        is_said = isinstance(error, NoFingerprint)
        reason = error if is_said else f"asked what it is, it raised {error!r}"
        ways_out = _ways_out(node, travels=not is_said or error.__cause__ is None)
        raise FingerprintError(
            f"{path_to(node, name)} → {type(node.value).__name__} has no deterministic fingerprint: {reason}. {ways_out}"
        ) from (error.__cause__ if is_said else error)
    node.noun, node.label = description.noun, description.encoded()
    node.unordered, node.shown, node.sees = (
        description.unordered,
        description.shown,
        description.sees,
    )
    fresh: list[Node] = []
    for part in description.parts:
        key = id(part.value)
        child = known.get(key) or made.get(key)
        if child is None:
            child = made[key] = Node(part.value, (node, f"{part.noun} {part.text}".strip()))
            fresh.append(child)
        node.edges.append(Edge(part.key, part.noun, part.text, child))
    return fresh
