"""Scans of customers by Dagster."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import time, timedelta

import dagster as dg

from assets.customers import scan_customers_job
from assets.definitions import build_definitions
from assets.names import PARTITION_TAG
from assets.resources import Warehouse
from assets.scan_checks import ALL_READ, COUNTS_AGREE, MOVES_EXPLAINED, RECENT, SCAN_CHECKS, scan_checks
from emulator import Quirks, effects
from pipelines.config.scan_window import ScanWindow
from pipelines.customers.forget import forget_all
from tests.dagster_account import KEY, DagsterAccount, check_evaluations, materialization_metadata, table_rows

NIGHT = ScanWindow(start=time(9), end=time(12))


def test_a_run_scans_the_accounts_that_are_due(dagster_account: DagsterAccount, instance: dg.DagsterInstance) -> None:
    """An account is due within its hours, once a night, and only if its settings say so."""
    assert dagster_account.load(instance).success
    dagster_account.emulator.world.add_customers(dagster_account.id, 3)
    assert scanned(dagster_account, instance, None) == {}
    assert scanned(dagster_account, instance, replace(NIGHT, start=time(23), end=time(1))) == {}
    assert scanned(dagster_account, instance, NIGHT)["amocrm/scan"]["customers"] == 3
    assert scanned(dagster_account, instance, NIGHT) == {}
    dagster_account.emulator.clock.advance(timedelta(days=1))
    assert scanned(dagster_account, instance, NIGHT)["amocrm/scan"]["gone"] == 0


def test_a_run_reports_checks_of_what_it_could_not_read(
    dagster_account: DagsterAccount, instance: dg.DagsterInstance
) -> None:
    """Each check warns of its own; a run that fails leaves the latest scan to grow old."""
    world, account_id = dagster_account.emulator.world, dagster_account.id
    assert dagster_account.load(instance).success
    stages = [stage.id for stage in world.account(account_id).live_stages()]
    hidden, moved = (world.add_customer(account_id, segments=[dagster_account.vip]) for _ in range(2))
    world.set_size(account_id, dagster_account.vip, 2)
    world.set_size(account_id, dagster_account.new, 0)
    passed, _ = findings(scan(dagster_account, instance, NIGHT))
    assert passed == dict.fromkeys((spec.name for spec in SCAN_CHECKS), True)

    world.quirks = Quirks(hidden_customer_status=403, missing_event_share=1.0)
    world.move_customer(account_id, moved, stages[1])
    world.hide_customer(account_id, hidden)
    world.set_size(account_id, dagster_account.new, 7)
    dagster_account.emulator.clock.advance(timedelta(days=1))
    passed, evaluations = findings(scan(dagster_account, instance, NIGHT))
    assert passed == {spec.name: spec is RECENT for spec in SCAN_CHECKS}
    assert {(one.partition, one.severity) for one in evaluations.values()} == {(KEY, dg.AssetCheckSeverity.WARN)}
    [row] = table_rows(evaluations[COUNTS_AGREE.name].metadata["differences"])
    assert (row["members"], row["counted after"], row["reason"]) == ("0", "7", "hidden_or_missed")
    assert evaluations[ALL_READ.name].description == "1 of 2 customers could not be read and stay where they were."
    assert evaluations[MOVES_EXPLAINED.name].description == "Events explain 0 of 1 changes of stage."

    dagster_account.emulator.clock.advance(timedelta(days=2))
    with dagster_account.emulator.faults.during(effects.status(402), resource="customers"):
        failed = scan(dagster_account, instance, NIGHT)
    assert (failed.success, findings(failed)[0][RECENT.name]) == (False, False)


def test_a_scan_that_is_taken_over_or_deleted_does_not_fail_the_run(
    dagster_account: DagsterAccount, instance: dg.DagsterInstance
) -> None:
    assert dagster_account.load(instance).success
    dagster_account.emulator.world.add_customers(dagster_account.id, 3)
    data_dir = dagster_account.settings.data_dir
    delete = effects.before_response(lambda _: forget_all(dagster_account.engine, data_dir, KEY, dagster_account.id))
    with dagster_account.emulator.faults.during(delete, resource="customers"):
        run = scan(dagster_account, instance, NIGHT)
    assert (run.success, materialization_metadata(run)) == (True, {})
    assert scanned(dagster_account, instance, NIGHT)["amocrm/scan"]["customers"] == 3


def test_checks_of_scans_are_executed_by_hand(dagster_account: DagsterAccount, instance: dg.DagsterInstance) -> None:
    instance.add_dynamic_partitions("accounts", [KEY])
    with ExitStack() as exit_stack:
        resource = Warehouse(lambda: dagster_account.settings, exit_stack, dagster_account.clock)
        definitions = build_definitions("0 * * * *", "UTC", resource)
        selection = dg.AssetSelection.checks(scan_checks)
        job = dg.Definitions.merge(
            definitions, dg.Definitions(jobs=[dg.define_asset_job("by_hand", selection)])
        ).resolve_job_def("by_hand")
        _, evaluations = findings(job.execute_in_process(instance=instance, tags={PARTITION_TAG: KEY}))
    assert {one.description for one in evaluations.values()} == {"The account has not been scanned yet."}
    assert {one.partition for one in evaluations.values()} == {KEY}


def findings(
    result: dg.ExecuteInProcessResult,
) -> tuple[dict[str, bool], dict[str, dg.AssetCheckEvaluation]]:
    """Which checks passed in a run, and their evaluations."""
    evaluations = check_evaluations(result)
    return {name: one.passed for name, one in evaluations.items()}, evaluations


def scanned(
    account: DagsterAccount, instance: dg.DagsterInstance, window: ScanWindow | None
) -> dict[str, dict[str, object]]:
    """Run the job and return the metadata of its events."""
    return materialization_metadata(scan(account, instance, window))


def scan(account: DagsterAccount, instance: dg.DagsterInstance, window: ScanWindow | None) -> dg.ExecuteInProcessResult:
    """Run the job a minute later."""
    account.emulator.clock.advance(timedelta(minutes=1))
    [one] = account.settings.accounts
    settings = replace(account.settings, accounts=(replace(one, customers=window),))
    with ExitStack() as exit_stack:
        resource = Warehouse(lambda: settings, exit_stack, account.clock)
        job = build_definitions("0 * * * *", "UTC", resource).resolve_job_def(scan_customers_job.name)
        return job.execute_in_process(instance=instance, raise_on_error=False)
