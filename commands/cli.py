"""Program ``amocrm-warehouse``: finds commands, and turns every error into a message and an exit code.

The module of a command is imported when it is called, so that a load imports neither Dagster nor rich.
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
from importlib.resources import files
from types import FrameType
from typing import Any, Final, NoReturn

import click

from commands.error_output import VERBOSE_KEY, Failure
from pipelines.base.private_path import UMASK
from pipelines.base.program import PROGRAM

PACKAGE: Final = __name__.rpartition(".")[0]

RUN_ONLY: Final = "(./run only)"
"""Marks the section of commands.txt with commands that only the script ./run has."""


def read_commands() -> dict[str, dict[str, str]]:
    """Parse commands.txt: purposes by command, by section."""
    sections: dict[str, dict[str, str]] = {}
    section = ""
    for line in (files(PACKAGE) / "commands.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):
            name, purpose = line.split(maxsplit=1)
            sections.setdefault(section, {})[name] = purpose
        else:
            section = line
    return {section: commands for section, commands in sections.items() if not section.endswith(RUN_ONLY)}


COMMANDS: Final = read_commands()
"""Commands and their purposes by section, so that the help imports no command."""


def _remember_verbose(context: click.Context, _option: click.Parameter, value: Any) -> None:
    if value:
        context.meta[VERBOSE_KEY] = True


VERBOSE: Final = click.Option(
    ["--verbose"],
    is_flag=True,
    expose_value=False,
    callback=_remember_verbose,
    help="Show the traceback of an error.",
)


class Utf8Text(click.types.StringParamType):
    """Text of an argument. Rejects bytes that are not UTF-8: neither Postgres nor amoCRM can receive them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text. Raises ``BadParameter``."""
        text = super().convert(value, param, ctx)
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            self.fail("is not valid UTF-8.", param, ctx)
        return text


UTF8_TEXT: Final = Utf8Text()


class Commands(click.Group):
    """Commands by section, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the help."""
        return [name for commands in COMMANDS.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of that name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"{PACKAGE}.{cmd_name.replace('-', '_')}").command
        for subcommand in (command, *(command.commands.values() if isinstance(command, click.Group) else ())):
            for parameter in subcommand.params:
                if parameter.type is click.STRING:
                    parameter.type = UTF8_TEXT
            if VERBOSE not in subcommand.params:
                subcommand.params.append(VERBOSE)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one line per command, without importing any."""
        width = max(map(len, self.list_commands(ctx)))
        for section, commands in COMMANDS.items():
            with formatter.section(section):
                formatter.write_dl([(name.ljust(width), purpose) for name, purpose in commands.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn an error into a message and an exit code."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            click.echo("\nInterrupted.", err=True)
            ctx.exit(128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT))
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # the reader of our output closed the pipe; click handles this
            failure = Failure(error)
            failure.trace()
            click.echo(f"Error: {failure.message}", err=True)
            ctx.exit(failure.exit_code)


@click.group(cls=Commands, params=[VERBOSE], context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version(PROGRAM), prog_name=PROGRAM, message="%(prog)s %(version)s")
def cli() -> None:
    """Store in Postgres the history that amoCRM (Kommo) does not keep: customer segments, their sizes, and stages.

    Settings come from the environment, .env and accounts.toml; see .env.example. Exit codes are explained in
    docs/operations.md.
    """


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    os.umask(UMASK)
    signal.signal(signal.SIGTERM, _terminate)
    # Shells start background jobs of scripts with SIGINT ignored, and child processes would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # They log lost connections and what ends with them; all failures are raised as errors.
    for name in ("psycopg", "sqlalchemy.pool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # the terminal's encoding may lack characters of names
    cli.main(prog_name=PROGRAM)
    raise AssertionError("click exits")


class Terminated(KeyboardInterrupt):
    """SIGTERM. It ends the program as Ctrl-C does, so that the processes it started end too."""


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated
