"""Failure alerts from Dagster: only transitions are reported."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import time
from typing import Any

import dagster as dg

from assets.customers import scan_customers_job
from assets.definitions import build_definitions
from assets.resources import Warehouse
from assets.sensors import NOTHING_NEW, SCAN_RUN, notify_of_failed_loads, notify_of_recovered_loads
from assets.tick import run_tick
from emulator import effects
from pipelines.alerts.failure_alert import FailureAlert
from pipelines.base.secret import Secret
from pipelines.config.scan_window import ScanWindow
from pipelines.config.settings import AccountSettings, Settings
from pipelines.load.failure_alerts import with_transitions
from pipelines.load.fleet import load_fleet
from tests.dagster_account import DagsterAccount
from tests.integration.test_webhook import Hook
from tests.unit.alerts.test_failures import transition

HOUR = 3600.0


def run_sensor(instance: dg.DagsterInstance, settings: Settings, result: dg.ExecuteInProcessResult) -> Any:
    """What the sensor of such an end does about a run; why nobody was told."""
    [end] = [event for event in result.all_events if event.is_job_success or event.is_job_failure]
    with ExitStack() as exit_stack:
        context = dg.build_run_status_sensor_context(
            sensor_name="either",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=end,
            resources={"workbench": Warehouse(lambda: settings, exit_stack)},
        )
        told = (
            notify_of_recovered_loads(context) if result.success else notify_of_failed_loads(context.for_run_failure())
        )
    return told.skip_message if isinstance(told, dg.SkipReason) else None


def add_two_accounts(dagster_account: DagsterAccount, hook: Hook) -> tuple[list[int], Settings]:
    """Two more accounts, and settings that load them as one bucket."""
    ids = [dagster_account.emulator.world.add_account() for _ in range(2)]
    listed = [
        AccountSettings(
            key=f"shop-{number}",
            base_url=dagster_account.emulator.url,
            token=Secret(dagster_account.emulator.long_lived_token(one)),
        )
        for number, one in enumerate(ids)
    ]
    return ids, replace(dagster_account.settings, accounts=tuple(listed), fleet_buckets=1, alert_webhook_url=hook.url)


def test_only_new_failures_of_a_bucket_are_reported(
    dagster_account: DagsterAccount, instance: dg.DagsterInstance
) -> None:
    with Hook(200).running() as hook:
        ids, settings = add_two_accounts(dagster_account, hook)

        def hour() -> tuple[list[str], str | None]:
            """The texts that are told of the next hour's loads, and why nobody was told."""
            dagster_account.wait(HOUR)
            [result] = run_tick(instance, settings, clock=dagster_account.clock)
            why = run_sensor(instance, settings, result)
            told = [str(body["text"]) for _, body, _ in hook.received]
            hook.received.clear()
            return told, why

        fault = dagster_account.emulator.faults.add(effects.error(401), account_id=ids[0])
        by_cron = load_fleet(
            dagster_account.engine, settings.accounts, settings, threads=1, clock=dagster_account.clock
        )
        assert sorted(result.status for result in by_cron) == ["failed", "loaded"], "which nobody is told of"
        [told], _ = hour()
        assert "load of 'bucket 01 of 01' failed: Started failing: shop-0. 1 of 2 accounts were not loaded. " in told
        assert hour() == ([], NOTHING_NEW)
        dagster_account.emulator.faults.remove(fault)
        fault = dagster_account.emulator.faults.add(effects.error(401), account_id=ids[1])
        [told, again], _ = hour()
        assert "failed: Started failing: shop-1. 1 of 2 accounts were not loaded. " in told
        assert "load of 'bucket 01 of 01' works again: Loaded again: shop-0 (failed since " in again
        dagster_account.emulator.faults.remove(fault)
        [again], _ = hour()
        assert "works again: Loaded again: shop-1 (failed since " in again


def run_scan(account: DagsterAccount, instance: dg.DagsterInstance, settings: Settings) -> dg.ExecuteInProcessResult:
    """Scan the customers a minute later."""
    account.wait(60)
    with ExitStack() as exit_stack:
        resource = Warehouse(lambda: settings, exit_stack, account.clock)
        job = build_definitions("0 * * * *", "UTC", resource).resolve_job_def(scan_customers_job.name)
        return job.execute_in_process(instance=instance, raise_on_error=False)


def test_a_run_whose_scan_fails_alerts_once(dagster_account: DagsterAccount, instance: dg.DagsterInstance) -> None:
    assert dagster_account.load(instance).success
    [account] = dagster_account.settings.accounts
    scanned = replace(account, customers=ScanWindow(start=time(0), end=time(23)))
    with Hook(200).running() as hook:
        settings = replace(
            dagster_account.settings,
            accounts=(scanned,),
            alert_webhook_url=hook.url,
            dagster_url="https://dagster.example.com",
        )
        with dagster_account.emulator.faults.during(effects.error(403), resource="customers"):
            runs = [run_scan(dagster_account, instance, settings) for _ in range(2)]
            reasons = [run_sensor(instance, settings, run) for run in runs]
        assert run_scan(dagster_account, instance, settings).success
    assert reasons == [SCAN_RUN] * 2
    failed, again = [str(body["text"]) for _, body, _ in hook.received]
    assert failed.startswith("amoCRM scan of 'corner' failed: ")
    assert failed.endswith(f"\nRun: https://dagster.example.com/runs/{runs[0].run_id}")
    assert again.startswith("amoCRM scan of 'corner' works again: ")


def test_failures_without_a_record_are_always_reported() -> None:
    alert = FailureAlert(
        account="acme", error="NotFound, RunFailure", what_happened="It died.", what_to_do="", run_id="1"
    )
    lasting = transition("NotFound", "NotFound")
    assert with_transitions(alert, [lasting]) is alert
    assert with_transitions(alert, []) is alert
    assert with_transitions(replace(alert, error="NotFound, Skipped"), [lasting]) is None


def test_a_new_failure_is_reported_with_its_message() -> None:
    alert = FailureAlert(account="acme", error="NotFound", what_happened="It is gone.", what_to_do="", run_id=None)
    told = with_transitions(alert, [transition("NotFound", None)])
    assert told is not None
    assert told.text == "amoCRM load of 'acme' failed: It is gone."
