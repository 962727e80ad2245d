"""``plan``: what would make an account as a file wants it. How that is found out is ``pipelines.writeback``'s work."""

from __future__ import annotations

from pathlib import Path

import click

from commands.demo.options import DemoCommand
from commands.writeback.account import open_account
from commands.writeback.execute import print_json, print_plan
from commands.writeback.file_argument import desired_in, file_argument
from commands.writeback.options import live_options
from pipelines.writeback.live_account import preview_plan
from pipelines.writeback.plan_source import to_desired_state
from pipelines.writeback.render import plan_document


@click.command(cls=DemoCommand)
@file_argument
@live_options
def command(*, file: Path, account_key: str | None, demo: str | None, is_json: bool) -> None:
    """Show which calls would make an account as FILE wants it; change nothing.

    FILE holds stages or segments in YAML, as 'export' writes it; - is standard input. What it does not mention is left
    as it is. Everything that is wrong with it is said at once, with its lines.
    """
    desired = desired_in(file)
    with open_account(demo, account_key) as access:
        plan = preview_plan(access, to_desired_state(desired, account_key=access.account.key))
    if is_json:
        print_json(plan_document(plan))
    else:
        print_plan(plan)
