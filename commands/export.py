"""``export``: write an account's current or earlier stages or segments to a file."""

from __future__ import annotations

from pathlib import Path

import click

from commands.demo.options import DemoCommand, demo_option
from commands.options import account_option
from commands.paths import STANDARD_STREAM, UserPath
from commands.writeback.account import open_account, open_history
from commands.writeback.past import read_past
from pipelines.base.atomic_file import write_file
from pipelines.base.errors import SettingsError
from pipelines.writeback.export import export_config
from pipelines.writeback.live_account import fetch_live_account


@click.command(cls=DemoCommand)
@click.argument("file", type=UserPath(dir_okay=False, allow_dash=True), default=STANDARD_STREAM)
@click.option("--as-of", "instant", metavar="INSTANT", help="Export the state of that time from the history.")
@click.option("--without-ids", is_flag=True, help="Leave out ids, to apply the file to another account.")
@click.option("--force", "is_forced", is_flag=True, help="Overwrite an existing file.")
@account_option
@demo_option
def command(
    *, file: Path, instant: str | None, without_ids: bool, is_forced: bool, account_key: str | None, demo: str | None
) -> None:
    """Write an account's stages or segments to FILE, or to standard output, in the format of 'plan' and 'apply'.

    With --as-of, the latest snapshot at or before INSTANT is exported and amoCRM is not called. An INSTANT without an
    offset, such as 2026-11-01T09:00, is in the account's timezone.
    """
    if file != STANDARD_STREAM and file.exists() and not is_forced:
        raise SettingsError(f"{file} exists already.", advice="Name another file, or add --force to overwrite it.")
    if instant is None:
        with open_account(demo, account_key) as access:
            snapshot, key = fetch_live_account(access), access.account.key
    else:
        with open_history(demo, account_key) as (engine, account):
            snapshot, key = read_past(engine, account, instant), account.key
    text = export_config(snapshot, account_key=None if without_ids else key, with_ids=not without_ids)
    if file == STANDARD_STREAM:
        click.echo(text, nl=False)
    else:
        write_file(file, text.encode(), account=key)
        click.echo(f"wrote {file}", err=True)
