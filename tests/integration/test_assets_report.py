"""The report as an asset: written once after each load that published a snapshot, and never after one that failed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import unquote, urlsplit

import dagster as dg
import pytest
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor
from sqlalchemy import Engine

from assets.definitions import defined
from assets.report import KEEP_REPORTS, REPORT
from assets.resources import Workbench
from assets.scheduled import QUIET
from emulator import effects
from pipelines.load import load_account
from tests.dagster_company import CRON, KEY, DagsterCompany, dagster_company, failure, let_waits_pass, materialized
from tests.report_reader import ReportReader


class Reporting:
    """Dagster's own decisions about reports, and what comes of them."""

    def __init__(self, company: DagsterCompany, instance: dg.DagsterInstance) -> None:
        self.company, self.instance = company, instance
        self.cursor: AssetDaemonCursor | None = None
        self.cursor = self.looked().cursor

    def looked(self) -> dg.EvaluateAutomationConditionsResult:
        """What the sensor finds when it looks, as its daemon does."""
        return dg.evaluate_automation_conditions(
            defined(CRON, "UTC"), self.instance, KEEP_REPORTS.asset_selection, cursor=self.cursor
        )

    def wanted(self) -> AbstractSet[str | None]:
        """Accounts whose reports are asked for now."""
        found = self.looked()
        self.cursor = found.cursor
        return found.get_requested_partitions(REPORT) or set()

    def write(self, key: str = KEY) -> dg.ExecuteInProcessResult:
        """One run of the asset."""
        with ExitStack() as until:
            bench = Workbench(lambda: self.company.settings, until, self.company.clock)
            job = defined(CRON, "UTC", bench).resolve_implicit_global_asset_job_def()
            return job.execute_in_process(
                instance=self.instance,
                partition_key=key,
                asset_selection=[REPORT],
                run_config=QUIET,
                raise_on_error=False,
            )


@pytest.fixture
def company(postgres_url: str, engine: Engine, tmp_path: Path) -> Iterator[DagsterCompany]:
    """The account."""
    with dagster_company(postgres_url, engine, tmp_path) as company:
        yield company


@pytest.fixture
def reporting(company: DagsterCompany) -> Iterator[Reporting]:
    """Its reports, from before its first load on."""
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("accounts", [KEY])
        yield Reporting(company, instance)


def test_it_is_asked_for_once_after_each_load(reporting: Reporting, company: DagsterCompany) -> None:
    assert reporting.wanted() == set(), "nothing was loaded yet"
    assert company.load(reporting.instance).success
    assert reporting.wanted() == {KEY}
    assert reporting.wanted() == set(), "it is on its way"
    assert reporting.write().success
    assert reporting.wanted() == set()
    for _ in range(3):
        assert company.load(reporting.instance).success
    assert reporting.wanted() == {KEY}, "once for all that was loaded while nobody looked"
    assert reporting.write().success
    assert reporting.wanted() == set()


def test_a_load_that_failed_asks_for_none(
    reporting: Reporting, company: DagsterCompany, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_waits_pass(monkeypatch)
    with company.emulator.faults.during(effects.error(401)):
        assert not company.load(reporting.instance).success
    assert reporting.wanted() == set()


def test_it_is_no_part_of_a_load_and_can_be_switched_off(reporting: Reporting, company: DagsterCompany) -> None:
    assert REPORT.to_user_string() not in materialized(company.load(reporting.instance))
    [sensor] = [one for one in defined(CRON, "UTC").sensors or () if one.name == KEEP_REPORTS.name]
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert [spec.key for spec in defined(CRON, "UTC").resolve_all_asset_specs() if spec.automation_condition] == [
        REPORT
    ], "no other asset has a condition, so that its sensor decides about reports alone"


def test_the_run_writes_the_file_and_says_where_it_is(reporting: Reporting, company: DagsterCompany) -> None:
    company.load(reporting.instance)
    shown = materialized(reporting.write())["report"]
    file = company.settings.data_dir / "reports" / f"{KEY}.html"
    assert (shown["path"], shown["bytes"]) == (str(file), file.stat().st_size)
    assert unquote(urlsplit(shown["link"]).path) == str(file)
    page = ReportReader(file.read_text(encoding="utf-8"))
    assert shown["headline"] in page.text
    assert re.search(r"2 segments; the largest, 'VIP', holds 10 customers", page.text)
    assert "Simulated data" in page.text
    assert [one.name for one in file.parent.iterdir()] == [file.name], "nothing is left of its writing"


def test_what_keeps_it_from_being_written_is_told(reporting: Reporting, company: DagsterCompany) -> None:
    told, facts, _ = failure(reporting.write())
    assert told == "it has no snapshot yet."
    assert facts["what_to_do"] == "Load the account first."
    load_account(company.engine, company.settings.account(), company.settings, clock=company.clock)
    (company.settings.data_dir / "reports").write_text("in the way")
    told, facts, was_retried = failure(reporting.write())
    assert told is not None
    assert " cannot be written: " in told
    assert "AMOCRM_REPORT_DIR" in facts["what_to_do"]
    assert not was_retried
