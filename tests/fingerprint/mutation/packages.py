"""Where functions come from: modules of real packages, run as if they were the user's own."""

from __future__ import annotations
import __future__

import ast
import contextlib
import importlib
import importlib.util
import signal
import sys
import types
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

MODULES = {
    "argparse": ["argparse"],
    "ast": ["ast"],
    "asyncio": ["asyncio.queues", "asyncio.streams", "asyncio.tasks"],
    "click": ["click.core", "click.formatting", "click.parser", "click.types", "click.utils"],
    "collections": ["collections", "dataclasses", "functools", "enum"],
    "configparser": ["configparser"],
    "csv": ["csv", "shlex", "string", "copy", "pprint", "reprlib"],
    "difflib": ["difflib"],
    "email": ["email.message", "email.header", "email.utils", "email.generator", "email._policybase"],
    "fractions": ["fractions", "statistics", "random", "bisect"],
    "heapq": ["heapq"],
    "html": ["html.parser", "http.cookies", "urllib.parse"],
    "hypothesis": ["hypothesis.internal.charmap", "hypothesis.internal.cache", "hypothesis.internal.floats"],
    "jinja2": ["jinja2.lexer", "jinja2.filters", "jinja2.utils", "jinja2.parser", "jinja2.compiler"],
    "json": ["json.decoder", "json.encoder", "json.scanner"],
    "logging": ["logging", "logging.handlers", "logging.config"],
    "moto": ["moto.core.utils", "moto.utilities.utils", "moto.utilities.tagging_service"],
    "rich": ["rich.text", "rich.table", "rich.segment", "rich.markup", "rich.color", "rich.cells"],
    "sortedcontainers": ["sortedcontainers.sortedlist", "sortedcontainers.sorteddict"],
    "tarfile": ["tarfile", "zipfile"],
    "textwrap": ["textwrap"],
    "toolz": ["toolz.itertoolz", "toolz.dicttoolz", "toolz.functoolz"],
    "werkzeug": ["werkzeug.datastructures.structures", "werkzeug.http", "werkzeug.urls", "werkzeug.utils"],
}  # fmt: skip
# Copied with all their modules, so that helpers in other files of the user's are in.
WHOLE = ("json", "sortedcontainers", "toolz", "jinja2")
# Without these the standard library uses what it has in pure Python.
_ACCELERATORS = ("_heapq", "_json", "_statistics", "_bisect", "_collections", "_functools")
_SECONDS = 5.0
_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Source:
    """A module's text, and the package that its relative imports start from."""

    package: str
    name: str
    text: str
    parent: str

    @property
    def users_name(self) -> str:
        return f"{self.parent}.users" if self.parent else f"users_{self.name.replace('.', '_')}"


def sources(folder: Path, only: Collection[str] = ()) -> Iterator[Source]:
    """All modules that are installed here; those of `WHOLE` packages are copied to `folder`."""
    for package, names in MODULES.items():
        if only and package not in only:
            continue
        if importlib.util.find_spec(names[0].partition(".")[0]) is None:
            continue
        parent = ""
        if package in WHOLE:
            parent = _copied(package, folder)
        for name in names:
            spec = importlib.util.find_spec(name)
            if spec is None or spec.origin is None:
                continue
            text = Path(spec.origin).read_text("utf-8")
            above = "" if package not in WHOLE else parent
            yield Source(package, name, text, above)


def _copied(package: str, folder: Path) -> str:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ImportError(package)
    name = f"users_{package}"
    for path in Path(spec.origin).parent.rglob("*.py"):
        copy = folder / name / path.relative_to(Path(spec.origin).parent)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text("utf-8"))
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    with _pure():
        importlib.import_module(name)
    return name


@contextlib.contextmanager
def _pure() -> Iterator[None]:
    """Hide the standard library's accelerators from what is imported meanwhile."""
    kept = {name: sys.modules.get(name) for name in _ACCELERATORS}
    sys.modules.update(dict.fromkeys(_ACCELERATORS))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name, module in kept.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


class Users:
    """One module, its statements compiled one by one, so that one of them can be replaced."""

    def __init__(self, source: Source, folder: Path) -> None:
        self.source = source
        self.file = str(folder / f"{source.users_name}.py")
        self.tree = ast.parse(source.text)
        self.lines = source.text.splitlines(keepends=True)
        self.flags = _future_flags(self.tree)
        self.codes = [self.compiled(statement) for statement in self.tree.body]

    def compiled(self, *statements: ast.stmt) -> CodeType:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = ast.Module(list(statements), [])
            return compile(module, self.file, "exec", self.flags, dont_inherit=True)

    def text_of(self, number: int) -> str:
        """The source of a statement, decorators included."""
        statement = self.tree.body[number]
        decorators = statement.decorator_list if isinstance(statement, _NAMED) else []
        first = min([statement.lineno, *(each.lineno for each in decorators)])
        return "".join(self.lines[first - 1 : statement.end_lineno]) + "\n"

    @contextlib.contextmanager
    def running(
        self,
        replaced: Mapping[int, CodeType],
        *,
        name: str = "",
        last: int | None = None,
    ) -> Iterator[ModuleType]:
        """Run all statements as a module of the user's, some replaced, one perhaps moved to the end."""
        name = name or self.source.users_name
        module = types.ModuleType(name)
        vars(module).update(__file__=self.file, __package__=self._package(name))
        before = sys.modules.get(name)
        sys.modules[name] = module
        try:
            with _pure(), _limited(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for number, code in self._ordered(replaced, last):
                    if name != "__main__" or not _is_guard(self.tree.body[number]):
                        exec(code, vars(module))
            yield module
        finally:
            if before is None:
                del sys.modules[name]
            else:
                sys.modules[name] = before

    def _ordered(
        self, replaced: Mapping[int, CodeType], last: int | None
    ) -> Iterator[tuple[int, CodeType]]:
        numbers = [number for number in range(len(self.codes)) if number != last]
        for number in numbers if last is None else [*numbers, last]:
            yield number, replaced.get(number, self.codes[number])

    def _package(self, name: str) -> str:
        return self.source.parent or self.source.name.rpartition(".")[0]


def _is_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__main__" in ast.dump(statement.test)


def _future_flags(tree: ast.Module) -> int:
    flags = 0
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            for alias in statement.names:
                flags |= getattr(__future__, alias.name).compiler_flag
    return flags


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """A mutant that never ends is stopped; virtual time, as pytest's own limit uses the other clock."""

    def stop(number: int, frame: object) -> None:
        raise TimeoutError("the module takes too long")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
