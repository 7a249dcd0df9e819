"""The group of commands, and how it answers errors."""

from __future__ import annotations

from typing import Any

import click

from dtset.cli.accept import accept
from dtset.cli.clear import clear
from dtset.cli.explain import explain
from dtset.cli.jobs import jobs
from dtset.cli.restart import restart
from dtset.cli.show import show
from dtset.cli.submit import submit
from dtset.errors import DTSetError


class _Refused(click.ClickException):
    """An error of dtset's tree: its message says all, and the exit status that the input was at fault."""

    exit_code = 2


class _Commands(click.Group):
    """Commands whose errors of dtset's tree are shown without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DTSetError as error:
            raise _Refused(str(error)) from error


@click.group("dtset", cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run programs as jobs whose persisted TSets survive, and look after what they have stored."""


for _command in (submit, restart, jobs, show, explain, accept, clear):
    main.add_command(_command)


if __name__ == "__main__":
    main(prog_name="dtset")
