"""``rebuild``: make the tables anew from the raw answers, aside, and compare. How, is ``pipelines.rebuild``'s work."""

from __future__ import annotations

import click
from sqlalchemy import Engine

from commands.demo.choice import chosen_demo, demo_option
from commands.manage.options import account_option
from commands.manage.site import history_of
from commands.place import settings_here
from commands.words import counted
from pipelines.errors import RebuildDiffers
from pipelines.rebuild import Compared, compare, empty_warehouse, rebuild_account
from pipelines.warehouse.history import KnownAccount

SHOWN = 20
"""Differing rows that are printed."""


@click.command()
@account_option
@demo_option
def command(*, account_key: str | None, demo: str | None) -> None:
    """Make an account's tables anew from amoCRM's answers, in a database aside, and compare them with the stored ones.

    Answers are kept for AMOCRM_RAW_RETENTION_DAYS, so it begins with the oldest snapshot that still has them. Nothing
    stored is changed, and nothing is asked of amoCRM. The exit code says whether they are the same.
    """
    home = chosen_demo(demo)
    settings = home.settings if home else settings_here()
    with history_of(demo, account_key) as (source, account), empty_warehouse(settings.pg_bin) as target:
        compared = made_anew(source, target, account)
    if compared is not None and not compared.is_same:
        show(compared)
        raise RebuildDiffers(
            f"{counted(len(compared.only_stored), 'stored row')} and {counted(len(compared.only_rebuilt), 'row')} "
            "made anew differ.",
            account=account.key,
        )


def made_anew(source: Engine, target: Engine, account: KnownAccount) -> Compared | None:
    """The comparison; None where no answers are kept."""
    rebuilt = rebuild_account(source, target, account.id)
    if rebuilt.since is None:
        click.echo(
            f"account '{account.key}': no answers are kept (AMOCRM_RAW_RETENTION_DAYS), so nothing was compared."
        )
        return None
    compared = compare(source, target, account.id, rebuilt.since)
    older = (
        f" {counted(rebuilt.older_count, 'snapshot')} before that have no answers any more."
        if rebuilt.older_count
        else ""
    )
    same = "all are as stored" if compared.is_same else "they are NOT as stored"
    click.echo(
        f"account '{account.key}': {counted(rebuilt.snapshot_count, 'snapshot')} since "
        f"{rebuilt.since.astimezone(account.timezone):%Y-%m-%d %H:%M %z} made anew from their answers, "
        f"{counted(compared.row_count, 'row')}: {same}.{older}"
    )
    return compared


def show(compared: Compared) -> None:
    """Print the first rows of each side that the other has not."""
    for side, rows in (("stored", compared.only_stored), ("made anew", compared.only_rebuilt)):
        for table, row in rows[:SHOWN]:
            click.echo(f"only {side}: {table} {row}")
        if len(rows) > SHOWN:
            click.echo(f"only {side}: {len(rows) - SHOWN:,} rows more")
