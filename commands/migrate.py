"""``migrate``: bring the warehouse's tables and views up to date. How, is ``pipelines.warehouse.migrate``'s work."""

from __future__ import annotations

import click

from commands.current_settings import load_current_settings
from pipelines.base.program import program_name
from pipelines.warehouse.engine import open_warehouse, transaction
from pipelines.warehouse.migrate import migrate
from pipelines.warehouse.past import read_stored_accounts
from pipelines.warehouse.roles import create_roles_sql
from pipelines.warehouse.wide_views import update_wide_view


@click.command()
def command() -> None:
    """Bring the warehouse's tables and views up to date.

    Migrations go forward only, each in a transaction of its own. Running this again, or twice at once, does no harm.
    """
    with open_warehouse(load_current_settings()) as engine:
        migrated = migrate(engine)
        with transaction(engine) as connection:
            accounts = read_stored_accounts(connection)
        for account in accounts:  # loads do so too, where their role may
            update_wide_view(engine, account.id, account=account.key)
    for name in migrated.migrations:
        click.echo(f"applied {name}")
    if migrated.views:
        click.echo(f"made {len(migrated.views)} views")
    if migrated.granted:
        click.echo(f"granted to {', '.join(migrated.granted)}")
    if migrated.limited_logins:
        click.echo(f"limited the readers' logins {', '.join(migrated.limited_logins)}")
    if not migrated.migrations and not migrated.views and not migrated.granted and not migrated.limited_logins:
        click.echo("Nothing to do: tables and views are up to date.")
    if migrated.missing_roles:
        click.echo(describe_missing_roles(migrated.missing_roles))


def describe_missing_roles(missing: tuple[str, ...]) -> str:
    """That roles are missing, what for, and how to have them."""
    return (
        f"Note: there is no {' and no '.join(missing)}, and this database role may not make roles. Who reads or"
        " loads by a login of their own needs them. A superuser makes them:\n\n"
        f"    {create_roles_sql(missing)}\n\n"
        f"Then run '{program_name()} migrate' once more: it grants them what they need."
    )
