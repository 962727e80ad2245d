"""What housekeeping deletes, and what must still be shown afterwards: on a real Dagster home and a real warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine

from assets.definitions import defined
from assets.instance import prepare_home
from assets.old_runs import delete_old_runs
from assets.resources import Workbench
from emulator import effects
from pipelines.clock import Clock
from pipelines.housekeeping import purge_all_answers
from tests.dagster_company import CRON, KEY, DagsterCompany, dagster_company, let_waits_pass

LATER = datetime.now(UTC) + timedelta(days=1)
"""Before then every run of these tests was created: Dagster dates runs by the machine's clock."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return prepare_home(tmp_path / "dagster")


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


@pytest.fixture
def company(postgres_url: str, engine: Engine, tmp_path: Path) -> Iterator[DagsterCompany]:
    with dagster_company(postgres_url, engine, tmp_path) as company:
        yield company


def shown(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What the pages show of every asset: its newest materialization, those of its partitions, results of checks."""
    events = instance.event_log_storage
    keys = sorted(instance.all_asset_keys())
    checks = [key for asset in defined(CRON, "UTC").resolve_all_asset_specs() for key in check_keys(asset.key)]
    return {
        key.to_user_string(): (
            record.timestamp if (record := instance.get_latest_materialization_event(key)) else None,
            sorted(instance.get_materialized_partitions(key)),
            dict(events.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION)),
        )
        for key in keys
    } | {
        str(key): (one.run_id, one.status)
        for key, one in events.get_latest_asset_check_execution_by_key(checks).items()
    }


def check_keys(asset: dg.AssetKey) -> list[dg.AssetCheckKey]:
    graph = defined(CRON, "UTC").resolve_asset_graph()
    return [key for key in graph.asset_check_keys if key.asset_key == asset]


def files_of(home: Path, run_id: str) -> list[str]:
    return [str(path) for path in home.rglob("*") if run_id in path.name]


def runs_in_event_log(instance: dg.DagsterInstance) -> set[str]:
    """The runs that any row of the event log is of, changes of freshness aside, which are of none."""
    events: Any = instance.event_log_storage
    with events.index_connection() as connection:
        rows = connection.exec_driver_sql(
            "select run_id from event_logs union select run_id from asset_check_executions"
        ).all()
    return {row.run_id for row in rows} - {""}


def test_old_runs_go_with_all_that_is_theirs_and_the_pages_show_the_same(
    company: DagsterCompany, instance: dg.DagsterInstance, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, last = (company.load(instance).run_id for _ in range(2))
    let_waits_pass(monkeypatch)
    with company.emulator.faults.during(effects.status(500)):
        failed = company.load(instance).run_id
    before = shown(instance)
    assert before["amocrm/snapshot"][1] == [KEY]

    assert delete_old_runs(instance, before=datetime.now(UTC) - timedelta(days=1)) == 0
    # Killed in the middle of deleting: the events are gone, the run is not.
    instance.event_log_storage.delete_events(first)
    assert delete_old_runs(instance, before=LATER) == 1

    assert set(instance.get_run_ids()) == {last, failed}
    assert shown(instance) == before
    assert not files_of(home, first)
    assert files_of(home, last)
    assert delete_old_runs(instance, before=LATER) == 0

    newest = company.load(instance)
    assert newest.success
    delete_old_runs(instance, before=LATER)
    assert instance.get_run_ids() == [newest.run_id]
    assert runs_in_event_log(instance) == {newest.run_id}


def test_a_run_that_is_on_its_way_stays(instance: dg.DagsterInstance) -> None:
    run = instance.create_run_for_job(defined(CRON, "UTC").resolve_job_def("housekeeping"))
    assert delete_old_runs(instance, before=LATER) == 0
    assert instance.get_run_ids() == [run.run_id]


def test_an_account_that_is_loaded_no_more_keeps_its_history_and_not_its_answers(
    company: DagsterCompany, instance: dg.DagsterInstance
) -> None:
    company.load(instance)
    settings = replace(company.settings, raw_retention_days=30)
    now = company.emulator.clock.now()
    assert purge_all_answers(company.engine, settings, now=now + timedelta(days=29)) == 0
    assert purge_all_answers(company.engine, settings, now=now + timedelta(days=31)) > 0
    assert company.rows("select count(*) from amocrm.raw_answer") == [(0,)]
    assert company.rows("select count(*) from amocrm.raw_body") == [(0,)]
    assert company.snapshot_count == 1


def test_answers_of_a_load_on_its_way_stay_even_where_none_are_kept(
    company: DagsterCompany, instance: dg.DagsterInstance
) -> None:
    asked = company.load(instance, selection=[dg.AssetKey(["amocrm", "raw_answer"])])
    assert asked.success
    settings = replace(company.settings, raw_retention_days=0)
    assert purge_all_answers(company.engine, settings, now=company.emulator.clock.now() + timedelta(hours=1)) == 0
    assert purge_all_answers(company.engine, settings, now=company.emulator.clock.now() + timedelta(hours=25)) > 0


def test_the_job_does_both_and_says_how_much(company: DagsterCompany, instance: dg.DagsterInstance) -> None:
    for _ in range(2):
        company.load(instance)
    clock = Clock(now=lambda: LATER + timedelta(days=91), sleep=company.wait)
    with ExitStack() as until:
        bench = Workbench(lambda: company.settings, until, clock)
        done = defined(CRON, "UTC", bench).resolve_job_def("housekeeping").execute_in_process(instance=instance)
    [told] = [event.step_output_data.metadata for event in done.all_events if event.is_successful_output]
    assert told["runs_deleted"].value == 1
    assert told["answers_deleted"].value == company.rows("select sum(request_count) from amocrm.snapshot")[0][0]
