"""``migrate``: bring the warehouse's tables and views up to date. How, is ``pipelines.warehouse.migrate``'s work."""

from __future__ import annotations

import click

from commands.place import settings_here
from pipelines.warehouse.engine import warehouse
from pipelines.warehouse.migrate import migrate


@click.command()
def command() -> None:
    """Bring the warehouse's tables and views up to date.

    Migrations go forward only, each in a transaction of its own. Running this again, or twice at once, does no harm.
    """
    with warehouse(settings_here()) as engine:
        migrated = migrate(engine)
    for name in migrated.migrations:
        click.echo(f"applied {name}")
    if migrated.views:
        click.echo(f"made {len(migrated.views)} views")
    if not migrated.migrations and not migrated.views:
        click.echo("Nothing to do: tables and views are up to date.")
