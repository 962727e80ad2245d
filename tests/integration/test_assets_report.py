"""The report asset: written once after each published load, never after a failed one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import replace

import dagster as dg
import pytest
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor

from assets.definitions import build_definitions
from assets.report import REPORT, REPORT_SENSOR
from assets.resources import Warehouse
from assets.tick import QUIET_LOGGING
from emulator import effects
from pipelines.config.accounts import UnusableAccount
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from tests.dagster_account import (
    CRON,
    KEY,
    DagsterAccount,
    materialization_metadata,
    skip_retry_waits,
    step_failure,
)
from tests.report_parser import ReportReader


class Reporting:
    """Dagster's own decisions about reports, and what comes of them."""

    def __init__(self, dagster_account: DagsterAccount, instance: dg.DagsterInstance) -> None:
        self.company, self.instance = dagster_account, instance
        self.cursor: AssetDaemonCursor | None = None
        self.cursor = self.looked().cursor

    def looked(self) -> dg.EvaluateAutomationConditionsResult:
        """What the sensor finds when it looks, as its daemon does."""
        return dg.evaluate_automation_conditions(
            build_definitions(CRON, "UTC"), self.instance, REPORT_SENSOR.asset_selection, cursor=self.cursor
        )

    def wanted(self) -> AbstractSet[str | None]:
        """Accounts whose reports are asked for now."""
        found = self.looked()
        self.cursor = found.cursor
        return found.get_requested_partitions(REPORT) or set()

    def write(self, key: str = KEY) -> dg.ExecuteInProcessResult:
        """One run of the asset."""
        with ExitStack() as until:
            bench = Warehouse(lambda: self.company.settings, until, self.company.clock)
            job = build_definitions(CRON, "UTC", bench).resolve_implicit_global_asset_job_def()
            return job.execute_in_process(
                instance=self.instance,
                partition_key=key,
                asset_selection=[REPORT],
                run_config=QUIET_LOGGING,
                raise_on_error=False,
            )


@pytest.fixture
def reporting(dagster_account: DagsterAccount) -> Iterator[Reporting]:
    """Its reports, from before its first load on."""
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("accounts", [KEY])
        yield Reporting(dagster_account, instance)


def test_each_load_requests_one_report(reporting: Reporting, dagster_account: DagsterAccount) -> None:
    assert reporting.wanted() == set(), "nothing was loaded yet"
    assert dagster_account.load(reporting.instance).success
    assert reporting.wanted() == {KEY}
    assert reporting.wanted() == set(), "it is on its way"
    assert reporting.write().success
    assert reporting.wanted() == set()
    for _ in range(3):
        assert dagster_account.load(reporting.instance).success
    assert reporting.wanted() == {KEY}, "once for all that was loaded while nobody looked"
    assert reporting.write().success
    assert reporting.wanted() == set()


def test_a_load_before_the_first_evaluation_requests_a_report(
    reporting: Reporting, dagster_account: DagsterAccount
) -> None:
    assert dagster_account.load(reporting.instance).success
    reporting.cursor = None  # as after the demo, whose Dagster has no daemon
    assert reporting.wanted() == {KEY}
    assert reporting.wanted() == set(), "a report that cannot be written is not requested again and again"


def test_a_load_that_failed_asks_for_none(
    reporting: Reporting, dagster_account: DagsterAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_retry_waits(monkeypatch)
    with dagster_account.emulator.faults.during(effects.error(401)):
        assert not dagster_account.load(reporting.instance).success
    assert reporting.wanted() == set()


def test_it_is_no_part_of_a_load_and_can_be_switched_off(reporting: Reporting, dagster_account: DagsterAccount) -> None:
    assert REPORT.to_user_string() not in materialization_metadata(dagster_account.load(reporting.instance))
    [sensor] = [one for one in build_definitions(CRON, "UTC").sensors or () if one.name == REPORT_SENSOR.name]
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert [
        spec.key for spec in build_definitions(CRON, "UTC").resolve_all_asset_specs() if spec.automation_condition
    ] == [REPORT], "no other asset has a condition, so that its sensor decides about reports alone"


def test_the_run_writes_the_file_and_says_where_it_is(reporting: Reporting, dagster_account: DagsterAccount) -> None:
    dagster_account.settings = replace(dagster_account.settings, language="en")
    dagster_account.load(reporting.instance)
    shown = materialization_metadata(reporting.write())["report"]
    file = dagster_account.settings.data_dir / "reports" / f"{KEY}.html"
    assert (shown["path"], shown["bytes"]) == (str(file), file.stat().st_size)
    page = ReportReader(file.read_text(encoding="utf-8"))
    assert shown["headline"] in page.text
    assert re.search(r"2 segments; the largest, 'VIP', holds 10 customers", page.text)
    assert "Simulated data" in page.text
    assert [one.name for one in file.parent.iterdir()] == [file.name], "nothing is left of its writing"
    other = UnusableAccount(key="other", problems="Its host is missing.")
    dagster_account.settings = replace(dagster_account.settings, unusable=(other,))
    assert reporting.write().success
    accounts = ReportReader((file.parent / "index.html").read_text(encoding="utf-8"))
    assert f"{KEY}.html" in accounts.links


def test_an_unwritable_report_is_explained(reporting: Reporting, dagster_account: DagsterAccount) -> None:
    told, facts, _ = step_failure(reporting.write())
    assert told == "it has no snapshot yet."
    assert facts["what_to_do"] == "Load the account first."
    load_account(
        LoadContext(
            dagster_account.engine,
            dagster_account.settings.account(),
            dagster_account.settings,
            clock=dagster_account.clock,
        )
    )
    (dagster_account.settings.data_dir / "reports").write_text("in the way")
    told, facts, was_retried = step_failure(reporting.write())
    assert told is not None
    assert " cannot be written: " in told
    assert "AMOCRM_REPORT_DIR" in facts["what_to_do"]
    assert not was_retried
