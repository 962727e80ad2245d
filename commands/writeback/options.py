"""The options that commands on stages and segments share."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final

import click

from commands.demo.options import demo_option

CommandFunction = Callable[..., None]

account_option: Final = click.option(
    "--account", "account_key", metavar="KEY", help="The account, where the settings have several."
)
json_option: Final = click.option("--json", "is_json", is_flag=True, help="Print one JSON document in place of lines.")


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplyOptions:
    """How something is to be carried out."""

    is_yes: bool  # nobody is asked
    is_json: bool
    who: str
    reason: str | None


def live_options(function: CommandFunction) -> CommandFunction:
    """Options of commands that look at an account."""
    for option in (json_option, demo_option, account_option):
        function = option(function)
    return function


def change_options(function: CommandFunction) -> CommandFunction:
    """Options of commands that change an account; their values come as ``manner``, but for the account's."""

    @wraps(function)
    def command(*, is_yes: bool, is_json: bool, who: str | None, reason: str | None, **other_values: Any) -> None:
        function(
            apply_options=ApplyOptions(is_yes=is_yes, is_json=is_json, who=who or user_and_host(), reason=reason),
            **other_values,
        )

    options = (
        click.option("--reason", metavar="TEXT", help="Why; it is kept with every call."),
        click.option("--as", "who", metavar="TEXT", help="Who does it; the user and machine by default."),
        click.option("--yes", "is_yes", is_flag=True, help="Do it without asking."),
    )
    decorated: CommandFunction = command
    for option in options:
        decorated = option(decorated)
    return live_options(decorated)


def user_and_host() -> str:
    """User and machine, such as ``ann@desk``."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in some containers
        user = "somebody"
    return f"{user}@{socket.gethostname()}"
