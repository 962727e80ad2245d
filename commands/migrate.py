"""``migrate``: bring the warehouse's tables and views up to date. How, is ``pipelines.warehouse.migrate``'s work."""

from __future__ import annotations

import click

from commands.place import settings_here
from pipelines.warehouse.engine import transaction, warehouse
from pipelines.warehouse.history import known_accounts
from pipelines.warehouse.migrate import migrate
from pipelines.warehouse.wide import follow_fields


@click.command()
def command() -> None:
    """Bring the warehouse's tables and views up to date.

    Migrations go forward only, each in a transaction of its own. Running this again, or twice at once, does no harm.
    """
    with warehouse(settings_here()) as engine:
        migrated = migrate(engine)
        with transaction(engine) as connection:
            accounts = known_accounts(connection)
        for account in accounts:  # loads do so too, where their role may
            follow_fields(engine, account.id, account=account.key)
    for name in migrated.migrations:
        click.echo(f"applied {name}")
    if migrated.views:
        click.echo(f"made {len(migrated.views)} views")
    if not migrated.migrations and not migrated.views:
        click.echo("Nothing to do: tables and views are up to date.")
