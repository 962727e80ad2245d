"""``plan``: show the API calls that would make an account match a file."""

from __future__ import annotations

from pathlib import Path

import click

from commands.demo.options import DemoCommand
from commands.output import print_json
from commands.writeback.account import open_account
from commands.writeback.execute import print_plan
from commands.writeback.file_argument import desired_in, file_argument
from commands.writeback.options import live_options
from pipelines.writeback.live_account import preview_plan
from pipelines.writeback.plan_source import to_desired_state
from pipelines.writeback.render import plan_document


@click.command(cls=DemoCommand)
@file_argument
@live_options
def command(*, file: Path, account_key: str | None, demo: str | None, is_json: bool) -> None:
    """Show the API calls that would make an account match FILE, and change nothing.

    FILE holds stages or segments in YAML, as 'export' writes it; - is standard input. What FILE does not mention stays
    as it is. All errors in FILE are reported at once, with their lines.
    """
    desired = desired_in(file)
    with open_account(demo, account_key) as access:
        plan = preview_plan(access, to_desired_state(desired, account_key=access.account.key))
    if is_json:
        print_json(plan_document(plan))
    else:
        print_plan(plan)
