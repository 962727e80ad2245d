"""``plan``: what would make an account as a file wants it. How that is found out is ``pipelines.manage``'s work."""

from __future__ import annotations

from pathlib import Path

import click

from commands.demo.choice import DemoCommand
from commands.manage.carry_out import print_json, show
from commands.manage.file import desired_in, file_argument
from commands.manage.options import live_options
from commands.manage.site import access_to
from pipelines.manage.live import preview
from pipelines.manage.render import document
from pipelines.manage.wishes import wish_of


@click.command(cls=DemoCommand)
@file_argument
@live_options
def command(*, file: Path, account_key: str | None, demo: str | None, is_json: bool) -> None:
    """Show which calls would make an account as FILE wants it; change nothing.

    FILE holds stages or segments in YAML, as 'export' writes it; - is standard input. What it does not mention is left
    as it is. Everything that is wrong with it is said at once, with its lines.
    """
    desired = desired_in(file)
    with access_to(demo, account_key) as access:
        plan = preview(access, wish_of(desired, account_key=access.account.key))
    if is_json:
        print_json(document(plan))
    else:
        show(plan)
