"""The options that commands on stages and segments share."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final

import click

from commands.demo.choice import demo_option

Body = Callable[..., None]

account_option: Final = click.option(
    "--account", "account_key", metavar="KEY", help="The account, where the settings have several."
)
json_option: Final = click.option("--json", "is_json", is_flag=True, help="Print one JSON document in place of lines.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Manner:
    """How something is to be carried out."""

    is_yes: bool  # nobody is asked
    is_json: bool
    who: str
    reason: str | None


def live_options(body: Body) -> Body:
    """Options of commands that look at an account."""
    for option in (json_option, demo_option, account_option):
        body = option(body)
    return body


def change_options(body: Body) -> Body:
    """Options of commands that change an account; their values come as ``manner``, but for the account's."""

    @wraps(body)
    def command(*, is_yes: bool, is_json: bool, who: str | None, reason: str | None, **others: Any) -> None:
        body(manner=Manner(is_yes=is_yes, is_json=is_json, who=who or whoever_it_is(), reason=reason), **others)

    options = (
        click.option("--reason", metavar="TEXT", help="Why; it is kept with every call."),
        click.option("--as", "who", metavar="TEXT", help="Who does it; the user and machine by default."),
        click.option("--yes", "is_yes", is_flag=True, help="Do it without asking."),
    )
    found: Body = command
    for option in options:
        found = option(found)
    return live_options(found)


def whoever_it_is() -> str:
    """User and machine, such as ``ann@desk``."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in some containers
        user = "somebody"
    return f"{user}@{socket.gethostname()}"
