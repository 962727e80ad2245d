"""``apply``: make an account match a file."""

from __future__ import annotations

from pathlib import Path

import click

from commands.demo.options import DemoCommand
from commands.writeback.account import open_account
from commands.writeback.execute import execute_plan
from commands.writeback.file_argument import desired_in, file_argument
from commands.writeback.options import ApplyOptions, change_options
from pipelines.writeback.plan_source import to_desired_state


@click.command(cls=DemoCommand)
@file_argument
@change_options
def command(*, file: Path, account_key: str | None, demo: str | None, apply_options: ApplyOptions) -> None:
    """Make an account match FILE, after showing the plan and asking for confirmation.

    The account is loaded before the first call and after the last one, so that the history shows the effect, and every
    call is stored in analytics.write_backs. A failed call stops the rest. If a response is lost, the account is fetched
    and planned again: no call is repeated blindly. Run an unfinished apply again to make the remaining calls.
    """
    desired = desired_in(file)
    with open_account(demo, account_key) as access:
        execute_plan(access, to_desired_state(desired, account_key=access.account.key), apply_options)
