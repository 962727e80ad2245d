"""``apply``: make an account as a file wants it. How that is done is the work of ``pipelines.manage``."""

from __future__ import annotations

from pathlib import Path

import click

from commands.demo.choice import DemoCommand
from commands.manage.carry_out import carry_out
from commands.manage.file import desired_in, file_argument
from commands.manage.options import Manner, change_options
from commands.manage.site import access_to
from pipelines.manage.wishes import wish_of


@click.command(cls=DemoCommand)
@file_argument
@change_options
def command(*, file: Path, account_key: str | None, demo: str | None, manner: Manner) -> None:
    """Make an account as FILE wants it, after showing how, as 'plan' does, and asking.

    The account is loaded before the first call and after the last, so that the history shows cause and effect, and
    every call is kept in analytics.write_backs. A call that fails stops the rest. Where an answer is lost, the account
    is read and the plan made again: no call is repeated blindly. After whatever end, applying again does what is left.
    """
    desired = desired_in(file)
    with access_to(demo, account_key) as access:
        carry_out(access, wish_of(desired, account_key=access.account.key), manner)
