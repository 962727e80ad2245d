"""``housekeep``: purge old data, for installations that load from cron. Dagster's daemon does this every night."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from commands.current_settings import dagster_home, load_current_settings
from commands.output import pluralize
from pipelines.customers.retention import fold_old_stays
from pipelines.load.retention import purge_all_responses
from pipelines.warehouse.engine import open_warehouse
from pipelines.warehouse.migrate import check_schema


@click.command()
def command() -> None:
    """Purge data that are older than the settings keep them.

    These are raw responses and ended stays of customers, of all accounts, and Dagster's runs. History is kept, and so
    is the latest run of everything that Dagster's UI shows. Running this again does no harm.
    """
    settings, now = load_current_settings(), datetime.now(UTC)
    with open_warehouse(settings) as engine:
        check_schema(engine)
        response_count = purge_all_responses(engine, settings, now=now)
        stay_count = fold_old_stays(engine, settings, now=now)
    click.echo(f"deleted {pluralize(response_count, 'raw response')}")
    if settings.stay_retention_days is not None:
        click.echo(f"deleted {pluralize(stay_count, 'ended stay')} of customers")
    home = dagster_home(settings)
    if os.path.lexists(home):
        run_count = delete_dagster_runs(home, before=now - timedelta(days=settings.dagster_run_days))
        click.echo(f"deleted {pluralize(run_count, 'run')} of Dagster")


def delete_dagster_runs(home: Path, *, before: datetime) -> int:
    """Delete old runs of the Dagster in that home folder and return how many."""
    # Imported here because installations without Dagster need not wait for the import.
    from assets.dagster_home import open_instance  # noqa: PLC0415
    from assets.run_retention import delete_old_runs  # noqa: PLC0415

    with open_instance(home) as instance:
        return delete_old_runs(instance, before=before)
