"""Options of commands on stages and segments."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from commands.demo.options import demo_option
from commands.options import account_option, json_option

CommandFunction = Callable[..., None]


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplyOptions:
    """Options for applying a plan."""

    is_yes: bool  # apply without confirmation
    is_json: bool
    who: str
    reason: str | None


def live_options(function: CommandFunction) -> CommandFunction:
    """Add the options of commands that fetch an account."""
    for option in (json_option, demo_option, account_option):
        function = option(function)
    return function


def change_options(function: CommandFunction) -> CommandFunction:
    """Add the options of commands that change an account; the command gets an ``ApplyOptions``."""

    @wraps(function)
    def command(*, is_yes: bool, is_json: bool, who: str | None, reason: str | None, **other_values: Any) -> None:
        function(
            apply_options=ApplyOptions(is_yes=is_yes, is_json=is_json, who=who or user_and_host(), reason=reason),
            **other_values,
        )

    options = (
        click.option("--reason", metavar="TEXT", help="Reason, stored with every call."),
        click.option("--as", "who", metavar="TEXT", help="Who applies it (default: user and machine)."),
        click.option("--yes", "is_yes", is_flag=True, help="Apply without confirmation."),
    )
    decorated: CommandFunction = command
    for option in options:
        decorated = option(decorated)
    return live_options(decorated)


def user_and_host() -> str:
    """Return user and machine, such as ``ann@desk``."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in some containers
        user = "somebody"
    return f"{user}@{socket.gethostname()}"
