"""The program ``amocrm-warehouse``: which commands there are, and that each ends with a message and an exit code.

What a command does is in the module of its name, imported when it is called: a load needs neither Dagster nor anything
that draws on the screen.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import signal
import sys
from importlib import import_module
from importlib.metadata import version
from types import FrameType
from typing import Any, Final, NoReturn

import click

from commands.error_output import VERBOSE_KEY, Failure
from pipelines.base.private_path import UMASK
from pipelines.base.program import PROGRAM

COMMANDS: Final = {
    "First look": {
        "demo": "Do the whole job on simulated data: 90 days of history.",
        "emulator": "Run the emulated amoCRM alone.",
    },
    "Every day": {
        "doctor": "Check all that a load needs; say what to do about it.",
        "auth": "Give access by OAuth, see how long it lasts, renew it.",
        "migrate": "Bring the warehouse's tables and views up to date.",
        "sync": "Load accounts once, without Dagster; for cron.",
        "dev": "Run Dagster: its pages, its daemon, the schedule.",
        "report": "Write an account's history as one HTML page.",
        "export-data": "Write the report's figures as CSV or Parquet.",
        "alerts": "Show what rules on sizes would tell now.",
        "psql": "Open psql on the warehouse.",
        "superset": "Run Apache Superset with ready dashboards.",
        "reader": "Make a role that reads one account only.",
        "housekeep": "Delete old raw answers and Dagster's old runs.",
        "rebuild": "Make the tables anew from raw answers, aside, and compare.",
    },
    "Stages and segments": {
        "plan": "Show which calls would make an account as a file wants it.",
        "apply": "Make an account as a file wants it.",
        "export": "Write such a file, as the account is or was.",
        "restore": "Bring back stages or segments as they were.",
        "segments": "List, get, add, update or delete single segments.",
        "stages": "List, get, add, update or delete single stages.",
    },
    "Development": {
        "dictionary": "Write what is generated: data dictionary, exit codes.",
    },
}
"""Every command and what it is for, so that the help imports none of them."""


def _remember_verbose(context: click.Context, _option: click.Parameter, value: Any) -> None:
    if value:
        context.meta[VERBOSE_KEY] = True


VERBOSE: Final = click.Option(
    ["--verbose"],
    is_flag=True,
    expose_value=False,
    callback=_remember_verbose,
    help="Show where in the program an error comes from.",
)


class Commands(click.Group):
    """The commands by what they are for, each imported when it is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names in the order of the help."""
        return [name for commands in COMMANDS.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"commands.{cmd_name.replace('-', '_')}").command
        for subcommand in (command, *(command.commands.values() if isinstance(command, click.Group) else ())):
            if VERBOSE not in subcommand.params:
                subcommand.params.append(VERBOSE)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with a line each, without importing any."""
        width = max(map(len, self.list_commands(ctx)))
        for section, commands in COMMANDS.items():
            with formatter.section(section):
                formatter.write_dl([(name.ljust(width), purpose) for name, purpose in commands.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; whatever fails becomes a message and an exit code."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            click.echo("\nInterrupted.", err=True)
            ctx.exit(128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT))
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # whoever read our output has seen enough; click knows what to do
            failure = Failure(error)
            failure.trace()
            click.echo(f"Error: {failure.message}", err=True)
            ctx.exit(failure.exit_code)


@click.group(cls=Commands, params=[VERBOSE], context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version(PROGRAM), prog_name=PROGRAM, message="%(prog)s %(version)s")
def cli() -> None:
    """Keep in Postgres the history that amoCRM (Kommo) forgets: customer segments, their sizes, and stages.

    Settings come from the environment, .env and accounts.toml; .env.example explains them all. Exit codes, and what to
    do about each, are in docs/operations.md.
    """


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    os.umask(UMASK)
    signal.signal(signal.SIGTERM, _terminate)
    # A script's background jobs begin with Ctrl-C ignored, and so would all that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A connection that dies with its command is no news, and all other trouble arrives as an error.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # names may hold what the terminal's encoding lacks
    cli.main(prog_name=PROGRAM)
    raise AssertionError("click exits")


class Terminated(KeyboardInterrupt):
    """SIGTERM. It ends the program as Ctrl-C does, so that whatever was started ends with it."""


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated
