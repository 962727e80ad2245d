"""``export``: write down an account's stages or segments, as they are or were. The text is ``pipelines.writeback``'s."""

from __future__ import annotations

from pathlib import Path

import click

from commands.demo.options import DemoCommand, demo_option
from commands.writeback.account import open_account, open_history
from commands.writeback.options import account_option
from commands.writeback.past import read_past
from pipelines.base.atomic_file import write_file
from pipelines.base.errors import SettingsError
from pipelines.writeback.export import export_config
from pipelines.writeback.live_account import fetch_live_account

STANDARD_OUTPUT = Path("-")


@click.command(cls=DemoCommand)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), default=STANDARD_OUTPUT)
@click.option("--as-of", "instant", metavar="INSTANT", help="As it was then, by the history; nothing is asked.")
@click.option("--without-ids", is_flag=True, help="By names alone, to be planned for another account.")
@click.option("--force", "is_forced", is_flag=True, help="Write over a file that is there.")
@account_option
@demo_option
def command(
    *, file: Path, instant: str | None, without_ids: bool, is_forced: bool, account_key: str | None, demo: str | None
) -> None:
    """Write an account's stages or segments to FILE, or to the screen, as 'plan' and 'apply' read them.

    An INSTANT without an offset is the account's own time: 2026-11-01T09:00. The newest snapshot at or before it is
    taken; the account need not answer any more then, nor be in the settings.
    """
    if file != STANDARD_OUTPUT and file.exists() and not is_forced:
        raise SettingsError(f"{file} is there already.", advice="Name another file, or add --force to write over it.")
    if instant is None:
        with open_account(demo, account_key) as access:
            snapshot, key = fetch_live_account(access), access.account.key
    else:
        with open_history(demo, account_key) as (engine, account):
            snapshot, key = read_past(engine, account, instant), account.key
    text = export_config(snapshot, account_key=None if without_ids else key, with_ids=not without_ids)
    if file == STANDARD_OUTPUT:
        click.echo(text, nl=False)
    else:
        write_file(file, text.encode(), account=key)
        click.echo(f"wrote {file}", err=True)
