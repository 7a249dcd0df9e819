"""Tables and JSON on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from dtset.diagnostics.amounts import printable

# A pipe has no width: what reads it wants whole lines.
_PIPE_WIDTH = 10_000


def print_table(columns: Mapping[str, str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; cells of a column stand ``"left"``, ``"right"``, or ``"whole"``: not cut up while others can be."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title, place in columns.items():
        table.add_column(
            title,
            justify="right" if place == "right" else "left",
            no_wrap=place != "left",
            overflow="fold",
        )
    for row in rows:
        # As Text, for what is in square brackets is markup otherwise.
        table.add_row(*(Text(printable(cell)) for cell in row))
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    Console(file=sys.stdout, width=width, highlight=False).print(table)


def print_json(value: object) -> None:
    """Print JSON, in lines that people can read too."""
    click.echo(json.dumps(value, indent=2))


def timestamp(moment: float | None) -> Any:
    """Moment, given as seconds since the epoch, in the form of ISO 8601 and UTC."""
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat()
