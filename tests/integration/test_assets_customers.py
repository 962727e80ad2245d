"""Scans of customers by Dagster."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import time, timedelta

import dagster as dg

from assets.customers import scan_customers_job
from assets.definitions import build_definitions
from assets.resources import Warehouse
from assets.sensors import SCAN_RUN
from emulator import effects
from pipelines.config.scan_window import ScanWindow
from tests.accounts import emulator_clock
from tests.dagster_account import DagsterAccount, materialization_metadata
from tests.integration.test_assets_alerts import run_sensor
from tests.integration.test_webhook import Hook


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


def test_a_run_whose_scan_fails_alerts_once(dagster_account: DagsterAccount, instance: dg.DagsterInstance) -> None:
    assert dagster_account.load(instance).success
    day = ScanWindow(start=time(0), end=time(23))
    with Hook(200).running() as hook:
        dagster_account.settings = replace(
            dagster_account.settings, alert_webhook_url=hook.url, dagster_url="https://dagster.example.com"
        )
        with dagster_account.emulator.faults.during(effects.error(403), resource="customers"):
            runs = [run_scan(dagster_account, instance, day) for _ in range(2)]
            reasons = [run_sensor(instance, dagster_account.settings, run) for run in runs]
        assert run_scan(dagster_account, instance, day).success
    assert reasons == [SCAN_RUN] * 2
    texts = [str(body["text"]) for _, body, _ in hook.received]
    assert texts[0].startswith("amoCRM scan of 'corner' failed: ")
    assert texts[0].endswith(f"\nRun: https://dagster.example.com/runs/{runs[0].run_id}")
    assert texts[1].startswith("amoCRM scan of 'corner' works again: ")
    assert len(texts) == 2


def scan(
    account: DagsterAccount, instance: dg.DagsterInstance, window: ScanWindow | None
) -> dict[str, dict[str, object]]:
    """Run the job a minute later and return the metadata of its events."""
    return materialization_metadata(run_scan(account, instance, window))


def run_scan(
    account: DagsterAccount, instance: dg.DagsterInstance, window: ScanWindow | None
) -> dg.ExecuteInProcessResult:
    """Run the job a minute later."""
    account.emulator.clock.advance(timedelta(minutes=1))
    [one] = account.settings.accounts
    settings = replace(account.settings, accounts=(replace(one, customers=window),))
    with ExitStack() as exit_stack:
        resource = Warehouse(lambda: settings, exit_stack, emulator_clock(account.emulator))
        job = build_definitions("0 * * * *", "UTC", resource).resolve_job_def(scan_customers_job.name)
        return job.execute_in_process(instance=instance, raise_on_error=False)
