"""``migrate``: create or update the warehouse's tables and views."""

from __future__ import annotations

import click

from commands.current_settings import load_current_settings
from pipelines.base.program import program_name
from pipelines.warehouse.engine import open_warehouse, transaction
from pipelines.warehouse.migrate import migrate
from pipelines.warehouse.past import read_stored_accounts
from pipelines.warehouse.roles import create_roles_sql
from pipelines.warehouse.timezones import update_database_timezones
from pipelines.warehouse.wide_views import update_wide_view


@click.command()
def command() -> None:
    """Create or update the warehouse's tables and views.

    Each migration runs in its own transaction; there are no down migrations. Running this again, or twice at the same
    time, does no harm.
    """
    with open_warehouse(load_current_settings()) as engine:
        migrated = migrate(engine)
        with transaction(engine) as connection:
            accounts = read_stored_accounts(connection)
            update_database_timezones(connection)  # loads do this only when a timezone changes
        for account in accounts:  # loads do this too, if their role may
            update_wide_view(engine, account.id, account=account.key)
    for name in migrated.migrations:
        click.echo(f"applied {name}")
    if migrated.views:
        click.echo(f"created {len(migrated.views)} views")
    if migrated.granted:
        click.echo(f"granted rights to {', '.join(migrated.granted)}")
    if migrated.limited_logins:
        click.echo(f"set limits for the readers' logins {', '.join(migrated.limited_logins)}")
    if not migrated.migrations and not migrated.views and not migrated.granted and not migrated.limited_logins:
        click.echo("Nothing to do: tables and views are up to date.")
    if migrated.missing_roles:
        click.echo(describe_missing_roles(migrated.missing_roles))


def describe_missing_roles(missing: tuple[str, ...]) -> str:
    """Return a note about missing roles: their purpose, and the SQL that creates them."""
    return (
        f"Note: the roles {' and '.join(missing)} do not exist, and this database role may not create them. Separate"
        " logins for reading or loading need them. A superuser creates them by:\n\n"
        f"    {create_roles_sql(missing)}\n\n"
        f"Then run '{program_name()} migrate' again to grant them their rights."
    )
