"""Commands of this program in processes of their own, in environments that are wrong on purpose."""

from __future__ import annotations

import ctypes
import io
import os
import resource
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from faults.case import Trial, Verdict
from faults.killing import PROCESSES
from pipelines.base.errors import UNEXPECTED_EXIT_CODE

SECONDS: Final = 120.0
"""Time that a command has, on a slow machine too; it waits a minute for the other end of a pipe."""

SERVERS: Final = ("demo", "dev", "emulator", "superset", "psql", "dictionary", "rebuild", "login")
"""Commands that run servers or other programs, or write into the project."""

CAPABILITY_VERSION: Final = 0x20080522
"""Version 3 of Linux's capabilities: 64 of them, in two halves."""

BAD_TEXTS: Final[Mapping[str, str]] = {
    "empty": "",
    "blank": " \t ",
    "zero": "0",
    "negative": "-1",
    "float": "1.5",
    "infinite": "1e999",
    "nan": "NaN",
    "foreign digits": "\u0663",
    "huge number": "9" * 5_000,
    "very long": "x" * 100_000,
    "control characters": "\x1b[31m\r\n\x7f",
    "bytes that are no UTF-8": "\udcff\udc80",
    "direction marks": "\u202e\u2066x",
    "JSON": '{"a": [1]}',
    "below a file": "/dev/null/x",
    "unknown home": "~nobody-has-this-name/x",
    "long name": "/tmp/" + "n" * 300,  # noqa: S108 - nothing is made there
    "URL without a host": "https://",
    "URL with a wrong port": "postgresql://a:b@127.0.0.1:99999999/x",
    "unclosed bracket": "http://[::1/",
}
"""Texts that no setting and no option expects."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """Folder and variables of a command."""

    folder: Path
    variables: Mapping[str, str]
    is_disk_full: bool = False


def leaf_commands() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command that ends by itself, with the words that call it."""
    from commands.cli import cli  # noqa: PLC0415

    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name) if name not in SERVERS else None
        if isinstance(command, click.Group):
            for inner, leaf in sorted(command.commands.items()):
                if inner not in SERVERS:
                    yield (name, inner), leaf
        elif command is not None:
            yield (name,), command


def arguments_for(command: click.Command, given: Mapping[str, str]) -> list[str]:
    """Return arguments with which the command can be called: ``given``, and values for what else is required."""
    options, positional = [], []
    for parameter in command.params:
        if parameter.name in given or parameter.required:
            text = given.get(parameter.name or "", _plausible(parameter))
            if isinstance(parameter, click.Option):
                options += [f"{parameter.opts[0]}={text}"]
            else:
                positional.append(text)
    return [*options, "--", *positional]


def _plausible(parameter: click.Parameter) -> str:
    if isinstance(parameter.type, click.Choice):
        return str(next(iter(parameter.type.choices)))
    return "1" if "int" in parameter.type.name else "plan.yaml"


def try_command(arguments: Sequence[str], environment: Environment, what: str) -> Trial:
    """Run a command and judge how it ended: with success, with an error that it explains, or with a bug."""
    ours, theirs = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=_run, args=(list(arguments), environment, theirs))
    process.start()
    theirs.close()
    ended: tuple[int, str] | None = None
    if ours.poll(SECONDS):
        with suppress(EOFError):
            ended = ours.recv()
    if process.pid is not None and ended is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    process.join()
    shown = " ".join(argument[:60] for argument in arguments)
    if ended is None:
        return Trial(verdict=Verdict.HANG, why=f"{what}: '{shown}' did not end")
    code, output = ended
    if code == UNEXPECTED_EXIT_CODE:
        return Trial(verdict=Verdict.DAMAGED, why=f"{what}: '{shown}' ended with {code}: {output.strip()[-220:]}")
    return Trial(verdict=Verdict.REFUSED if code else Verdict.EXACT, why=f"{what}: {output[-200:]}")


def _run(arguments: list[str], environment: Environment, result: Any) -> None:
    """Run a command in this process, as in a new one, and send its exit code and output."""
    from commands.cli import cli, main  # noqa: PLC0415

    context = click.Context(cli)
    cli.get_command(context, arguments[0])  # imported before the rights are given up
    os.chdir(environment.folder)
    os.environ.clear()
    os.environ.update(environment.variables)
    _give_up_privileges()
    if environment.is_disk_full:
        # A write beyond the limit fails with EFBIG, as on a full disk it does with ENOSPC.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    output = io.BytesIO()
    sys.argv = ["amocrm-warehouse", arguments[0], "--verbose", *arguments[1:]]
    sys.stdin = io.TextIOWrapper(io.BytesIO())
    sys.stdout = sys.stderr = io.TextIOWrapper(output, encoding="utf-8", write_through=True)
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:  # noqa: BLE001 - what a new process would print
        code = UNEXPECTED_EXIT_CODE
        traceback.print_exc()
    result.send((code, output.getvalue().decode()))


def _give_up_privileges() -> None:
    """Let the rights of files stop this process, although it is root's: drop its capabilities, where Linux has them."""
    capset = getattr(ctypes.CDLL(None), "capset", None)
    if os.geteuid() == 0 and capset is not None:
        none_in_either_half = (ctypes.c_uint32 * 6)()
        if capset((ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0), none_in_either_half) != 0:
            raise OSError("the capabilities of root cannot be dropped")
