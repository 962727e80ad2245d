"""``apply``: make an account as a file wants it. How that is done is the work of ``pipelines.writeback``."""

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
    """Make an account as FILE wants it, after showing how, as 'plan' does, and asking.

    The account is loaded before the first call and after the last, so that the history shows cause and effect, and
    every call is kept in analytics.write_backs. A call that fails stops the rest. Where an answer is lost, the account
    is read and the plan made again: no call is repeated blindly. After whatever end, applying again does what is left.
    """
    desired = desired_in(file)
    with open_account(demo, account_key) as access:
        execute_plan(access, to_desired_state(desired, account_key=access.account.key), apply_options)
