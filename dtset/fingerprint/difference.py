"""The first thing in which two trees differ, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from dtset.fingerprint.plain import SECRET
from dtset.fingerprint.tree import OPERATOR, Tree, walk_tree

CODE_CHANGED = "code changed"
# What a global is called goes by what it is: a helper today, a class tomorrow.
_GLOBALS = frozenset(("global", "helper", "class", "module", "library", "sentinel"))
_DATA = "persisted "
_OF_CODE = frozenset(("function", "helper", "method", "property", "case", "code"))


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same in two trees: ``"global THRESHOLD in etl.clean"`` and ``"5 → 6"``."""

    what: str
    change: str
    old: Tree | None = field(default=None, repr=False)
    new: Tree | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return (
            f"{self.what} {self.change}" if self.what == "Python" else f"{self.what}: {self.change}"
        )


@dataclass(frozen=True)
class _At:
    """Where a comparison stands: a thing, and the function, class or operator that it belongs to."""

    thing: str
    owner: str = ""

    def __str__(self) -> str:
        return f"{self.thing} in {self.owner}" if self.owner else self.thing

    def part(self, tree: Tree) -> _At:
        """Where one of the thing's parts is."""
        noun, _, text = tree.name.partition(" ")
        if tree.place:
            return _At(_titled(tree))
        if noun == "file":
            said = "file" if self.thing.startswith("files") else "source"
            return _At(f"{said} {tree.shown or text}")
        if noun in ("function", "distribution"):
            return _At(tree.name)
        if not self.owner:
            return _At(tree.name, self.thing.partition(" ")[2])
        if tree.name.startswith("["):
            return _At(self.thing + tree.name, self.owner)
        if noun == "attribute":
            return _At(f"{self.thing}.{text}", self.owner)
        return _At(f"{tree.name} of {self.thing}", self.owner)


def _titled(tree: Tree) -> str:
    if tree.place == OPERATOR:
        return tree.name if tree.name.startswith(_DATA) else f"operator {tree.name}"
    return f"{tree.name.partition(' ')[0]} {tree.place}" if tree.place else tree.name


def first_difference(old: Tree, new: Tree) -> Difference | None:
    """Find the first thing in which a tree differs from an older one: from the sources on."""
    if old.digest == new.digest:
        return None
    at = _At(_titled(new))
    return _within(old, new, at) or Difference(str(at), "changed", old, new)


def _within(old: Tree, new: Tree, at: _At) -> Difference | None:
    """The first difference of two trees whose digests differ; None if it is shown elsewhere."""
    if old.place == OPERATOR and new.place == OPERATOR:
        return _of_operators(old, new)
    is_told = None not in (old.shown, new.shown) and old.shown != new.shown
    if is_told or (old.own and new.own and old.own != new.own):
        return _itself(old, new, at)
    if old.own and new.own and not old.children and not new.children:
        return Difference(str(at), "changed", old, new)
    return _of_parts(old.children, new.children, at)


def _itself(old: Tree, new: Tree, at: _At) -> Difference:
    if new.name == "python":
        return Difference("Python", f"{old.shown} → {new.shown}", old, new)
    if at.thing.startswith("source "):
        return Difference(str(at), "file changed", old, new)
    if at.thing.startswith("file "):
        return Difference(str(at), "changed", old, new)
    if new.name == "digest":
        return Difference(f"{_DATA}{at.owner}", "its data changed", old, new)
    was, now = (each.name.partition(" ")[0] for each in (old, new))
    if bool(old.place) != bool(new.place) or (old.place and was != now):
        change = f"{_said(old)} → {_said(new)}"
    elif was == now == "function" and (old.place, old.name) != (new.place, new.name):
        change = f"in place of {old.place or old.name.partition(' ')[2]}"
    elif new.place and now in _OF_CODE and None in (old.shown, new.shown):
        change = CODE_CHANGED
    elif old.shown is not None and new.shown is not None and not SECRET.search(str(at)):
        change = f"{old.shown} → {new.shown}"
    else:
        change = "changed"
    return Difference(str(at), change, old, new)


def below_secrets(tree: Tree) -> set[int]:
    """Ids of the parts of a tree that are below something whose name says that it is secret."""
    secret = (
        each for each in walk_tree(tree) if SECRET.search(each.name) or SECRET.search(each.place)
    )
    return {id(part) for part in walk_tree(*secret)}


def _said(tree: Tree) -> str:
    noun = tree.name.partition(" ")[0]
    if tree.place:
        return f"{noun} {tree.place}"
    return "another value" if tree.shown is None or SECRET.search(tree.name) else tree.shown


def _of_parts(olds: Sequence[Tree], news: Sequence[Tree], at: _At) -> Difference | None:
    """The first difference of parts of the same name; then what is there no more, or is new."""
    before, after = dict(_keyed(olds)), dict(_keyed(news))
    for key, new in after.items():
        old = before.get(key)
        if old is not None and old.digest != new.digest:
            # Where a value became a function or the other way round, it is the global that changed.
            found = _within(old, new, at.part(old if new.place and not old.place else new))
            if found is not None:
                return found
    for key, old in before.items():
        if key not in after:
            return Difference(str(at.part(old)), "removed", old, None)
    for key, new in after.items():
        if key not in before:
            return Difference(str(at.part(new)), "added", None, new)
    return None


def _keyed(parts: Iterable[Tree]) -> Iterator[tuple[tuple[str, int], Tree]]:
    """Parts by what they are called; those called the same, by their order."""
    seen = Counter[str]()
    for part in parts:
        noun, _, text = part.name.partition(" ")
        name = f"global {text}" if noun in _GLOBALS else part.name
        if part.place == OPERATOR or noun == "function":
            # An operator has one of each, whatever it is called.
            name = part.place if part.place == OPERATOR else noun
        yield (name, seen[name]), part
        seen[name] += 1


def _of_operators(old: Tree, new: Tree) -> Difference | None:
    """The first operator, from the sources on, that is another, with what is another in it."""
    olds, news = _chain(old), _chain(new)
    same = 0
    while same < min(len(olds), len(news)) and olds[same].digest == news[same].digest:
        same += 1
    olds, news = olds[same:], news[same:]
    if not news or (olds and _own_parts(news[0]) in map(_own_parts, olds[1:])):
        return Difference(_titled(olds[0]), "removed", olds[0], None)
    if not olds or _own_parts(olds[0]) in map(_own_parts, news[1:]):
        return Difference(_titled(news[0]), "added", None, news[0])
    was, now = olds[0], news[0]
    if was.own != now.own:
        return Difference(_titled(was), f"replaced by {now.name}", was, now)
    at = _At(_titled(now))
    olds, news = _without_inputs(was), _without_inputs(now)
    return _of_parts(_first(olds), _first(news), at) or _of_parts(olds, news, at)


def _chain(tree: Tree) -> list[Tree]:
    chain = [tree]
    while (above := [part for part in chain[-1].children if part.place == OPERATOR]) != []:
        chain.append(above[0])
    return chain[::-1]


def _first(parts: Sequence[Tree]) -> list[Tree]:
    """Leave out what often follows from a file more or less."""
    return [part for part in parts if part.name not in ("partitions", "cuts", "compression")]


def _without_inputs(tree: Tree) -> list[Tree]:
    return [part for part in tree.children if part.place != OPERATOR]


def _own_parts(tree: Tree) -> tuple[str, ...]:
    return (tree.own, *(part.digest for part in _without_inputs(tree)))
