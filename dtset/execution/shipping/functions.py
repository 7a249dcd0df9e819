"""Functions and closure cells by value: how they are taken apart and put together."""

from __future__ import annotations

from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

Reduced = tuple[Any, ...]


class Cell:
    """Handle on a closure cell, sent empty and filled by the functions that share it, as one may close over itself."""

    __slots__ = ("cell",)

    def __init__(self, cell: CellType) -> None:
        self.cell = cell

    def __reduce__(self) -> Reduced:
        return CellType, ()


def reduce_function(function: FunctionType, home: object, cells: dict[int, Cell]) -> Reduced:
    """Take a function apart; `home` stands for the namespace of its globals."""
    closure = function.__closure__
    handles = None
    if closure is not None:
        handles = tuple(cells.setdefault(id(cell), Cell(cell)) for cell in closure)
    state = (
        tuple(_contents(cell) for cell in closure or ()),
        function.__defaults__,
        function.__kwdefaults__,
        function.__annotations__ or None,
        function.__qualname__,
        function.__module__,
        function.__doc__,
        dict(function.__dict__) or None,
        getattr(function, "__type_params__", ()),
    )
    return _build, (function.__code__, home, function.__name__, handles), state, None, None, _fill


def build_cell(cell: CellType, contents: tuple[object, ...]) -> CellType:
    """Fill a cell that is sent by itself, apart from any function."""
    _fill_cell(cell, contents)
    return cell


def reduce_cell(cell: CellType, cells: dict[int, Cell]) -> Reduced:
    """Take apart a cell that a value refers to."""
    return build_cell, (cells.setdefault(id(cell), Cell(cell)), _contents(cell))


def _contents(cell: CellType) -> tuple[object, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ()


def _fill_cell(cell: CellType, contents: tuple[object, ...]) -> None:
    for value in contents:
        cell.cell_contents = value


def _build(
    code: CodeType, home: ModuleType, name: str, closure: tuple[CellType, ...] | None
) -> FunctionType:
    return FunctionType(code, vars(home), name, None, closure)


def _fill(function: FunctionType, state: tuple[Any, ...]) -> None:
    contents, defaults, keyword_defaults, annotations, qualname, module, doc, attributes, types = (
        state
    )
    for cell, content in zip(function.__closure__ or (), contents, strict=True):
        _fill_cell(cell, content)
    function.__defaults__ = defaults
    function.__kwdefaults__ = keyword_defaults
    if annotations is not None:
        function.__annotations__ = annotations
    function.__qualname__ = qualname
    function.__module__ = module
    function.__doc__ = doc
    function.__dict__.update(attributes or {})
    if types:
        setattr(function, "__type_params__", types)  # noqa: B010 - Python 3.12 has it
