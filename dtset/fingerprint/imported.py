"""Which modules the user's own code imports somewhere: what a record may name although it is not imported yet."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from dtset.fingerprint.origin import file_of, is_user_module


def may_be_imported(module_name: str) -> bool:
    """Whether the user's files, which are read for this, have an import statement for a module anywhere."""
    loaded = [name for name, module in list(sys.modules.items()) if isinstance(module, ModuleType)]
    found = dict.fromkeys(filter(is_user_module, loaded))
    for name in (unread := list(found)):
        for imported in _imports(name):
            if imported == module_name or imported.startswith(f"{module_name}."):
                return True
            if imported not in found and is_user_module(imported):
                found[imported] = None
                unread.append(imported)
    return False


def _imports(name: str) -> Iterator[str]:
    file = file_of(name)
    try:
        tree = ast.parse(Path(file).read_bytes()) if file is not None else ast.Module([], [])
    except (OSError, SyntaxError, ValueError):
        return
    package = name if Path(file or "").stem == "__init__" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            try:
                base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            except ImportError:
                continue
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
