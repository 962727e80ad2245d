"""Scans of customers by Dagster."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import time, timedelta

import dagster as dg

from assets.customers import scan_customers_job
from assets.definitions import build_definitions
from assets.resources import Warehouse
from pipelines.config.scan_window import ScanWindow
from tests.accounts import emulator_clock
from tests.dagster_account import DagsterAccount, materialization_metadata


def test_a_run_scans_the_accounts_that_are_due(dagster_account: DagsterAccount, instance: dg.DagsterInstance) -> None:
    """An account is due within its hours, once a night, and only if its settings say so."""
    assert dagster_account.load(instance).success
    dagster_account.emulator.world.add_customers(dagster_account.id, 3)
    night = ScanWindow(start=time(9), end=time(12))
    assert scan(dagster_account, instance, None) == {}
    assert scan(dagster_account, instance, replace(night, start=time(23), end=time(1))) == {}
    assert scan(dagster_account, instance, night)["amocrm/scan"]["customers"] == 3
    assert scan(dagster_account, instance, night) == {}
    dagster_account.emulator.clock.advance(timedelta(days=1))
    assert scan(dagster_account, instance, night)["amocrm/scan"]["gone"] == 0


def scan(
    account: DagsterAccount, instance: dg.DagsterInstance, window: ScanWindow | None
) -> dict[str, dict[str, object]]:
    """Run the job a minute later and return the metadata of its events."""
    account.emulator.clock.advance(timedelta(minutes=1))
    [one] = account.settings.accounts
    settings = replace(account.settings, accounts=(replace(one, customers=window),))
    with ExitStack() as exit_stack:
        resource = Warehouse(lambda: settings, exit_stack, emulator_clock(account.emulator))
        job = build_definitions("0 * * * *", "UTC", resource).resolve_job_def(scan_customers_job.name)
        return materialization_metadata(job.execute_in_process(instance=instance))
