"""A trial: mutants and rewrites of many functions, each compared with the original by its fingerprint.

A mutant counts if its instructions differ on some path and, where only what runs at definition is mutated,
if what it makes differs (both judged by `equivalence`, not by dtset); an equal digest is then a false hit. A rewrite with another digest is a false miss. Compared are the whole fingerprints of what the
statement defines and of one function that uses it, and the digest of the code alone.

    python -m tests.fingerprint.mutation.trial --mutants 500 --rewrites 500 [--package json] [--seed 1]
"""

from __future__ import annotations

import argparse
import ast
import copy
import dis
import inspect
import logging
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import TypeVar

from dtset.errors import FingerprintError
from dtset.fingerprint import Session, fingerprint
from dtset.fingerprint.code import analyse
from dtset.fingerprint.pruning import Reads
from tests.fingerprint.mutation.equivalence import same_flow, same_made
from tests.fingerprint.mutation.mutants import Mutation, mutated, mutations
from tests.fingerprint.mutation.packages import MODULES, Users, sources
from tests.fingerprint.mutation.rewrites import (
    ALL,
    MOVES,
    NotApplicableError,
    rewrite_names,
    rewritten,
)

_T = TypeVar("_T")
CANNOT_TELL = "cannot tell"
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# What reachable code reads decides whether a rewrite changes nothing.
_SEEN = {
    "locals renamed": Reads.LOCALS,
    "nested functions renamed": Reads.LOCALS | Reads.NAMES,
    "docstrings": Reads.DOCS,
    "annotations": Reads.ANNOTATIONS,
    "lambda and def": Reads.NAMES | Reads.LOCALS | Reads.DOCS | Reads.ANNOTATIONS,
    ALL: Reads.LOCALS | Reads.DOCS | Reads.ANNOTATIONS,
}


@dataclass
class Outcome:
    """Counts of one package, and what went wrong."""

    counts: Counter[str] = field(default_factory=Counter)
    hits: list[str] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        self.counts += other.counts
        self.hits += other.hits
        self.misses += other.misses


@dataclass(frozen=True)
class Target:
    """A top-level statement under trial: what it defines, and who is asked for a fingerprint."""

    users: Users
    number: int
    asked: tuple[str, ...]
    digests: tuple[str, ...]
    sees: Reads
    names_itself: bool

    @property
    def title(self) -> str:
        statement = self.users.tree.body[self.number]
        name = getattr(statement, "name", ast.unparse(statement)[:40])
        return f"{self.users.source.name}.{name}"


def targets(users: Users) -> list[Target]:
    """Statements of a module whose digests can be told."""
    found = []
    with users.running({}) as module:
        # What the clock or a generator gave is another value each time.
        again = {
            name: _digest(module, name) for name in vars(module) if callable(vars(module)[name])
        }
    with users.running({}) as module:
        readers = {
            number: _reads(users.compiled(_without_annotations(each)))
            for number, each in enumerate(users.tree.body)
            if isinstance(each, _DEFINITIONS) and _is_last(users, number, module)
        }
        for number, statement in enumerate(users.tree.body):
            asked = _asked(users, number, statement, readers)
            digests = [_digest(module, name) for name in asked]
            kept = [
                n
                for n, digest in enumerate(digests)
                if digest != CANNOT_TELL and digest == again.get(asked[n])
            ]
            if kept:
                sees = Reads.NOTHING
                for n in kept:
                    sees |= Session().digest(vars(module)[asked[n]], "it").sees
                found.append(
                    Target(
                        users,
                        number,
                        tuple(asked[n] for n in kept),
                        tuple(digests[n] for n in kept),
                        sees,
                        any("__name__" in readers.get(n, ()) for n in readers),
                    )
                )
    return found


def _is_last(users: Users, number: int, module: ModuleType) -> bool:
    """Whether what a definition made is what its name stands for in the end."""
    name = getattr(users.tree.body[number], "name", "")
    made = vars(module).get(name)
    consts = [const for const in users.codes[number].co_consts if isinstance(const, CodeType)]
    if isinstance(made, FunctionType) and not hasattr(made, "__wrapped__"):
        return made.__code__ in consts
    later = users.tree.body[number + 1 :]
    return made is not None and not any(
        name
        in [
            getattr(each, "name", ""),
            *(
                getattr(n, "id", "")
                for n in ast.walk(each)
                if isinstance(getattr(n, "ctx", None), ast.Store)
            ),
        ]
        for each in later
    )


def _asked(
    users: Users, number: int, statement: ast.stmt, readers: dict[int, set[str]]
) -> list[str]:
    if number in readers:
        names = {statement.name}  # type: ignore[attr-defined]
        asked = [statement.name]  # type: ignore[attr-defined]
    elif isinstance(statement, ast.Assign):
        names = {target.id for target in statement.targets if isinstance(target, ast.Name)}
        later = users.tree.body[number + 1 :]
        names = {name for name in names if not name.startswith("__") and not _binds(later, name)}
        asked = []
    else:
        return []
    for other, reads in readers.items():
        if other != number and names & reads:
            return [*asked, users.tree.body[other].name]  # type: ignore[attr-defined]
    return asked


def _binds(statements: list[ast.stmt], name: str) -> bool:
    return any(
        getattr(node, "name", getattr(node, "id", None)) == name
        and not isinstance(getattr(node, "ctx", None), ast.Load)
        for statement in statements
        for node in ast.walk(statement)
    )


def _without_annotations(statement: ast.stmt) -> ast.stmt:
    """A copy whose functions have no annotations, for what these name is not read when it runs."""
    statement = copy.deepcopy(statement)
    for node in ast.walk(statement):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
    return statement


def _at_definition(code: CodeType, ops: tuple[str, ...]) -> set[str]:
    """Names that a statement's code reads or binds when it runs itself, not when what it defines does."""
    found = {str(item.argval) for item in dis.get_instructions(code) if item.opname in ops}
    for const in code.co_consts:
        if isinstance(const, CodeType) and not const.co_flags & inspect.CO_OPTIMIZED:
            found |= _at_definition(const, ("LOAD_NAME",) if "LOAD_NAME" in ops else ())
    return found


def _may_move(users: Users, number: int) -> bool:
    """Whether a statement may run last: no later one needs or binds what it binds, or binds what it needs."""
    code, later = users.codes[number], users.codes[number + 1 :]
    binds = _at_definition(code, ("STORE_NAME",))
    uses = _at_definition(code, ("LOAD_NAME", "STORE_NAME"))
    return not any(
        binds & _at_definition(each, ("LOAD_NAME", "STORE_NAME"))
        or uses & _at_definition(each, ("STORE_NAME",))
        for each in later
    )


def _reads(code: CodeType) -> set[str]:
    """Globals that the functions in a statement's code read when they run."""
    found: set[str] = set()
    for const in code.co_consts:
        if isinstance(const, CodeType):
            if const.co_flags & inspect.CO_OPTIMIZED:
                found.update(
                    str(item.argval)
                    for item in dis.get_instructions(const)
                    if item.opname == "LOAD_GLOBAL"
                )
            found |= _reads(const)
    return found


def _digest(module: ModuleType, name: str) -> str:
    try:
        return fingerprint(vars(module)[name])
    except (FingerprintError, KeyError):
        return CANNOT_TELL


def _after(target: Target, code: CodeType, *, name: str = "", last: int | None = None) -> list[str]:
    with target.users.running({target.number: code}, name=name, last=last) as module:
        return [_digest(module, each) for each in target.asked]


def try_mutant(target: Target, mutation: Mutation, outcome: Outcome) -> None:
    """Mutate a statement and see whether every digest changes."""
    users = target.users
    before = users.codes[target.number]
    title = f"{target.title}: {mutation.kind} (node {mutation.place})"
    try:
        statement = mutated(users.tree.body[target.number], mutation)
        code = users.compiled(statement)
    except (SyntaxError, ValueError, TypeError, RecursionError):
        outcome.counts["does not compile"] += 1
        return
    if same_flow(before, code):
        outcome.counts["same instructions"] += 1
        return
    if analyse(before).digest == analyse(code).digest:
        outcome.hits.append(f"{title}: code digest")
    try:
        with users.running({target.number: code}) as module:
            made = vars(module).copy()
            digests = [_digest(module, each) for each in target.asked]
    except (Exception, SystemExit):
        outcome.counts["does not load"] += 1
        return
    hits = [n for n, digest in enumerate(digests) if digest == target.digests[n]]
    if hits and _made_the_same(target, made):
        outcome.counts["same objects"] += 1
        return
    outcome.counts["mutants"] += 1
    outcome.counts[mutation.kind.partition(":")[0]] += 1
    outcome.hits += [f"{title}: fingerprint of {target.asked[n]}" for n in hits]


def _made_the_same(target: Target, made: dict[str, object]) -> bool:
    """Whether a mutated statement made what the original makes: `class C(object)` and `class C`."""
    statement = target.users.tree.body[target.number]
    names = [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
    defined = getattr(statement, "name", None)
    names = [defined] if defined is not None else names
    with target.users.running({}) as module:
        return all(
            same_made(vars(module)[name], made.get(name)) for name in names if name in vars(module)
        )


def try_rewrite(target: Target, kind: str, seed: int, outcome: Outcome) -> None:
    """Rewrite a statement and see whether every digest stays."""
    users, number = target.users, target.number
    before = users.codes[number]
    statement = users.tree.body[number]
    if target.sees & _SEEN.get(kind, Reads.NOTHING):
        outcome.counts["read by reachable code"] += 1
        return
    if kind.startswith("moved to") and target.names_itself:
        outcome.counts["read by reachable code"] += 1
        return
    if kind == "moved in file" and not _may_move(users, number):
        return
    try:
        if kind in MOVES:
            code = before
        else:
            made = rewritten(kind, users.text_of(number), before, seed)
            code = users.compiled(*[ast.increment_lineno(each, seed % 1000) for each in made])
    except NotApplicableError:
        return
    name = {"moved to another module": "users_other", "moved to __main__": "__main__"}.get(kind, "")
    last = number if kind == "moved in file" else None
    try:
        digests = _after(target, code, name=name, last=last)
    except (Exception, SystemExit):
        outcome.counts["does not load"] += 1
        return
    outcome.counts["rewrites"] += 1
    outcome.counts[kind] += 1
    title = f"{target.title}: {kind} (seed {seed})"
    for asked, old, new in zip(target.asked, target.digests, digests, strict=True):
        if old != new:
            outcome.misses.append(f"{title}: fingerprint of {asked}")
    if (
        isinstance(statement, ast.FunctionDef)
        and kind != "lambda and def"
        and not _same_body(before, code)
    ):
        outcome.misses.append(f"{title}: code digest")


def _same_body(before: CodeType, after: CodeType) -> bool:
    """Whether the function that a statement defines has the same code digest."""
    digests = []
    for code in (before, after):
        inner = [const for const in code.co_consts if isinstance(const, CodeType)]
        # Whether a decorator reads annotations is known from its own code, which is not looked at here.
        trusted = analyse(inner[-1]).observers if inner else frozenset()
        digests.append(analyse(inner[-1], trusted=trusted).digest if inner else b"")
    return digests[0] == digests[1]


def run(
    mutants: int, rewrites: int, seed: int, packages: tuple[str, ...] = ()
) -> dict[str, Outcome]:
    """Try about as many mutants and rewrites as asked for, spread evenly over packages and kinds."""
    rng = random.Random(seed)
    logging.getLogger("dtset.fingerprint").setLevel(logging.ERROR)
    found: dict[str, Outcome] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        grouped: dict[str, list[Target]] = {}
        for source in sources(folder, packages):
            grouped.setdefault(source.package, []).extend(targets(Users(source, folder)))
        for package, each in grouped.items():
            outcome = found[package] = Outcome()
            outcome.counts["functions and values"] = len(each)
            _spread_mutants(each, mutants // len(grouped) + 1, rng, outcome)
            _spread_rewrites(each, rewrites // len(grouped) + 1, rng, outcome)
    return found


def _spread_mutants(
    listed: list[Target], wanted: int, rng: random.Random, outcome: Outcome
) -> None:
    by_kind: dict[str, list[tuple[Target, Mutation]]] = {}
    for target in listed:
        for mutation in mutations(target.users.tree.body[target.number]):
            by_kind.setdefault(mutation.kind.partition(":")[0], []).append((target, mutation))
    for possible in by_kind.values():
        rng.shuffle(possible)
    for target, mutation in _in_turn(list(by_kind.values())):
        if outcome.counts["mutants"] >= wanted:
            break
        try_mutant(target, mutation, outcome)


def _spread_rewrites(
    listed: list[Target], wanted: int, rng: random.Random, outcome: Outcome
) -> None:
    by_kind: list[list[tuple[Target, str]]] = []
    for kind in rewrite_names():
        possible = [(target, kind) for target in listed]
        rng.shuffle(possible)
        by_kind.append(possible * 8)
    for target, kind in _in_turn(by_kind):
        if outcome.counts["rewrites"] >= wanted:
            break
        try_rewrite(target, kind, rng.randrange(1 << 30), outcome)


def _in_turn(groups: list[list[_T]]) -> Iterator[_T]:
    for round_number in range(max(map(len, groups), default=0)):
        for group in groups:
            if round_number < len(group):
                yield group[round_number]


def table(outcomes: dict[str, Outcome]) -> str:
    """Counts of each package and of all."""
    heads = (
        "functions and values",
        "mutants",
        "same instructions",
        "rewrites",
        "read by reachable code",
    )
    whole = Outcome()
    lines = [f"{'':16}" + "".join(f"{head:>24}" for head in (*heads, "false hits", "false misses"))]
    for package, outcome in outcomes.items():
        whole.add(outcome)
        lines.append(_row(package, outcome, heads))
    lines.append(_row("all", whole, heads))
    kinds = sorted((kind, n) for kind, n in whole.counts.items() if kind not in heads)
    return "\n".join([*lines, ", ".join(f"{kind} {n}" for kind, n in kinds)])


def _row(name: str, outcome: Outcome, heads: tuple[str, ...]) -> str:
    numbers = [outcome.counts[head] for head in heads]
    numbers += [len(outcome.hits), len(outcome.misses)]
    return f"{name:16}" + "".join(f"{number:24}" for number in numbers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mutants", type=int, default=500)
    parser.add_argument("--rewrites", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--package", action="append", choices=sorted(MODULES), default=[])
    options = parser.parse_args()
    outcomes = run(options.mutants, options.rewrites, options.seed, tuple(options.package))
    print(table(outcomes))
    wrong = [line for each in outcomes.values() for line in (*each.hits, *each.misses)]
    for kind, wanted in (("mutants", options.mutants), ("rewrites", options.rewrites)):
        tried = sum(each.counts[kind] for each in outcomes.values())
        if tried < wanted:
            wrong.append(f"only {tried} {kind} instead of {wanted}")
    print(*wrong, sep="\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
