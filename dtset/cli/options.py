"""Options that several commands take, and how they print tables and JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from dtset.storage.objects import ObjectStore


import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from dtset.diagnostics.amounts import printable

_F = TypeVar("_F", bound=Callable[..., Any])
_SCHEDULERS = ("synchronous", "threads", "processes")


def _address(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refuse what neither is an address nor names a scheduler."""
    if value is not None and ":" not in value and value not in _SCHEDULERS:
        raise click.BadParameter(
            f"{value!r} is no cluster: give a scheduler's address such as tcp://host:8786, or one of "
            f"{', '.join(_SCHEDULERS)}"
        )
    return value


def _not_both(ctx: click.Context, param: click.Parameter, value: int | None) -> int | None:
    """Refuse a number of workers where a cluster was given, whichever came first."""
    if value is not None and ctx.params.get("cluster") is not None:
        raise click.UsageError(
            "--cluster and --workers exclude each other: the one runs the job on a cluster that is there, "
            "the other starts worker processes for it"
        )
    return value


def cluster_options(command: _F) -> _F:
    """Add ``--cluster ADDR`` and ``--workers N``, of which one may be given."""
    # Eager parameters are looked at first, so that the number of workers finds the cluster.
    cluster = click.option(
        "--cluster",
        metavar="ADDR",
        is_eager=True,
        callback=_address,
        help=f"Run on the Dask scheduler at this address, or on one of Dask's own: {', '.join(_SCHEDULERS)}.",
    )
    workers = click.option(
        "--workers",
        metavar="N",
        type=click.IntRange(min=1),
        callback=_not_both,
        help="Start this many worker processes.",
    )
    return cluster(workers(command))


store_option = click.option(
    "--store",
    metavar="URL",
    help="Checkpoint store: an fsspec URL or a path.  [default: the setting dtset.store]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def configured_store(url: str | None, *, create: bool = False) -> ObjectStore:
    """Open the store that was given, else the configured one; a local folder has to be there unless `create`."""
    from dtset.settings import setting
    from dtset.storage.opening import open_store

    if url == "":
        raise click.BadParameter("give a URL or a path", param_hint="'--store'")
    return open_store(setting("store") if url is None else url, create=create)


def is_configured(url: str) -> bool:
    """Whether a store is the one that commands use when they are given none."""
    from dtset.settings import setting
    from dtset.storage.local_store import local_path

    configured = setting("store")
    return (local_path(configured) or configured) == url


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
