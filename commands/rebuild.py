"""``rebuild``: make the tables anew from the raw answers, aside, and compare. How, is ``pipelines.load.rebuild``'s work."""

from __future__ import annotations

import click
from sqlalchemy import Engine

from commands.current_settings import load_current_settings
from commands.demo.options import demo_option, select_demo
from commands.text import pluralize
from commands.writeback.account import open_history
from commands.writeback.options import account_option
from pipelines.base.errors import RebuildDiffers
from pipelines.load.rebuild import TableDiff, diff_tables, empty_warehouse, rebuild_account
from pipelines.warehouse.past import StoredAccount

MAX_ROWS_SHOWN = 20
"""Differing rows that are printed."""


@click.command()
@account_option
@demo_option
def command(*, account_key: str | None, demo: str | None) -> None:
    """Make an account's tables anew from amoCRM's answers, in a database aside, and compare them with the stored ones.

    Answers are kept for AMOCRM_RAW_RETENTION_DAYS, so it begins with the oldest snapshot that still has them. Nothing
    stored is changed, and nothing is asked of amoCRM. The exit code says whether they are the same.
    """
    home = select_demo(demo)
    settings = home.settings if home else load_current_settings()
    with open_history(demo, account_key) as (source, account), empty_warehouse(settings.pg_bin) as target:
        diff = rebuild_and_compare(source, target, account)
    if diff is not None and not diff.is_same:
        print_diff(diff)
        raise RebuildDiffers(
            f"{pluralize(len(diff.only_stored), 'stored row')} and {pluralize(len(diff.only_rebuilt), 'row')} "
            "made anew differ.",
            account=account.key,
        )


def rebuild_and_compare(source: Engine, target: Engine, account: StoredAccount) -> TableDiff | None:
    """The comparison; None where no answers are kept."""
    rebuilt = rebuild_account(source, target, account.id)
    if rebuilt.since is None:
        click.echo(
            f"account '{account.key}': no answers are kept (AMOCRM_RAW_RETENTION_DAYS), so nothing was compared."
        )
        return None
    diff = diff_tables(source, target, account.id, rebuilt.since)
    older = (
        f" {pluralize(rebuilt.older_count, 'snapshot')} before that have no answers any more."
        if rebuilt.older_count
        else ""
    )
    same = "all are as stored" if diff.is_same else "they are NOT as stored"
    click.echo(
        f"account '{account.key}': {pluralize(rebuilt.snapshot_count, 'snapshot')} since "
        f"{rebuilt.since.astimezone(account.timezone):%Y-%m-%d %H:%M %z} made anew from their answers, "
        f"{pluralize(diff.row_count, 'row')}: {same}.{older}"
    )
    return diff


def print_diff(diff: TableDiff) -> None:
    """Print the first rows of each side that the other has not."""
    for side, rows in (("stored", diff.only_stored), ("made anew", diff.only_rebuilt)):
        for table, row in rows[:MAX_ROWS_SHOWN]:
            click.echo(f"only {side}: {table} {row}")
        if len(rows) > MAX_ROWS_SHOWN:
            click.echo(f"only {side}: {len(rows) - MAX_ROWS_SHOWN:,} rows more")
