"""``rebuild``: rebuild an account's tables in a scratch database and diff them."""

from __future__ import annotations

import click
from sqlalchemy import Engine

from commands.demo.options import demo_option, select_settings
from commands.options import account_option
from commands.output import pluralize
from commands.writeback.account import open_history
from pipelines.base.errors import RebuildDiffers
from pipelines.load.rebuild import TableDiff, diff_tables, empty_warehouse, rebuild_account
from pipelines.warehouse.past import StoredAccount

MAX_ROWS_SHOWN = 20
"""Differing rows that are printed."""


@click.command()
@account_option
@demo_option
def command(*, account_key: str | None, demo: str | None) -> None:
    """Rebuild an account's tables from its raw responses in a scratch database and diff them with the stored ones.

    Raw responses are kept for AMOCRM_RAW_RETENTION_DAYS, so the rebuild starts at the oldest snapshot that still has
    them. Stored data are not changed, and amoCRM is not called. The exit code is 0 if the tables are equal.
    """
    settings = select_settings(demo)
    with open_history(demo, account_key) as (source, account), empty_warehouse(settings.pg_bin) as target:
        diff = rebuild_and_compare(source, target, account)
    if diff is not None and not diff.is_same:
        print_diff(diff)
        raise RebuildDiffers(
            f"{pluralize(len(diff.only_stored), 'stored row')} and "
            f"{pluralize(len(diff.only_rebuilt), 'rebuilt row')} differ.",
            account=account.key,
        )


def rebuild_and_compare(source: Engine, target: Engine, account: StoredAccount) -> TableDiff | None:
    """Rebuild and print the result; return the difference, or None if there are no raw responses."""
    rebuilt = rebuild_account(source, target, account.id)
    if rebuilt.since is None:
        click.echo(
            f"account '{account.key}': no raw responses are stored (AMOCRM_RAW_RETENTION_DAYS): nothing was compared."
        )
        return None
    diff = diff_tables(source, target, account.id, rebuilt.since)
    older = (
        f" {pluralize(rebuilt.older_count, 'earlier snapshot')} no longer have raw responses."
        if rebuilt.older_count
        else ""
    )
    same = "equal to the stored ones" if diff.is_same else "NOT equal to the stored ones"
    click.echo(
        f"account '{account.key}': {pluralize(rebuilt.snapshot_count, 'snapshot')} since "
        f"{rebuilt.since.astimezone(account.timezone):%Y-%m-%d %H:%M %z} rebuilt from raw responses, "
        f"{pluralize(diff.row_count, 'row')}: {same}.{older}"
    )
    return diff


def print_diff(diff: TableDiff) -> None:
    """Print the first rows that are on one side only."""
    for side, rows in (("stored", diff.only_stored), ("rebuilt", diff.only_rebuilt)):
        for table, row in rows[:MAX_ROWS_SHOWN]:
            click.echo(f"only {side}: {table} {row}")
        if len(rows) > MAX_ROWS_SHOWN:
            click.echo(f"only {side}: {len(rows) - MAX_ROWS_SHOWN:,} more rows")
