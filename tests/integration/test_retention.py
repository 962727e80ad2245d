"""Retention: deletions, and Dagster's UI afterwards."""

# No "from __future__ import annotations": Dagster reads the annotation of ``context`` as an object.
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.dagster_home import prepare_home
from assets.definitions import build_definitions
from assets.resources import Warehouse
from assets.run_retention import delete_old_runs
from pipelines.base.clock import Clock
from pipelines.load.context import LoadContext
from pipelines.load.load import extract_load, load_account
from pipelines.load.retention import purge_all_responses
from tests.command_line import run
from tests.dagster_account import CRON, KEY, DagsterAccount

ROOT = Path(__file__).parents[2]
LATER = datetime.now(UTC) + timedelta(days=1)
"""Before then every run of these tests was created: Dagster dates runs by the machine's clock."""


@pytest.fixture(params=["files", "postgres"])
def any_instance(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Dagster with either storage: of './run dev', and of containers."""
    if request.param == "files":
        folder = request.getfixturevalue("dagster_home")
    else:
        folder = tmp_path
        (folder / "dagster.yaml").write_bytes((ROOT / "deploy" / "dagster.yaml").read_bytes())
        url = request.getfixturevalue("empty_database_url")
        monkeypatch.setenv("DAGSTER_POSTGRES_URL", url.replace("postgresql://", "postgresql+psycopg2://"))
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance


class SimulatedError(Exception):
    """What goes wrong in a run."""


@dg.asset(
    partitions_def=dg.StaticPartitionsDefinition(["acme", "beta"]),
    check_specs=[dg.AssetCheckSpec("fine", asset="thing")],
)
def thing(context: dg.AssetExecutionContext) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    """Stands for what a load makes."""
    if "fails" in context.run.tags:
        raise SimulatedError
    yield dg.MaterializeResult(metadata={"run": context.run.run_id})
    yield dg.AssetCheckResult(passed=True)


def run_asset(instance: dg.DagsterInstance, key: str, *, fails: bool = False) -> str:
    """A run for an account; its id."""
    tags = {"fails": "yes"} if fails else {}
    return dg.materialize([thing], partition_key=key, instance=instance, tags=tags, raise_on_error=False).run_id


def displayed_in_ui(instance: dg.DagsterInstance) -> list[Any]:
    """What the pages show of the asset: its newest materialization, those of its partitions, its check's result."""
    events, key = instance.event_log_storage, thing.key
    newest = instance.get_latest_materialization_event(key)
    checks = events.get_latest_asset_check_execution_by_key([dg.AssetCheckKey(key, "fine")])
    return [
        newest and newest.run_id,
        sorted(instance.get_materialized_partitions(key)),
        dict(events.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION)),
        [(one.run_id, one.status) for one in checks.values()],
        [record.run_id for record in instance.fetch_materializations(key, limit=10).records][:1],
    ]


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
    any_instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    instance = any_instance
    first, beta, last, failed, failed_last = (
        run_asset(instance, key, fails=fails)
        for key, fails in (("acme", False), ("beta", False), ("acme", False), ("acme", True), ("acme", True))
    )
    before = displayed_in_ui(instance)
    assert before[:2] == [last, ["acme", "beta"]]

    assert delete_old_runs(instance, before=datetime.now(UTC) - timedelta(days=1)) == 0
    # Killed in the middle of deleting: the events are gone, the run is not.
    instance.event_log_storage.delete_events(first)
    assert delete_old_runs(instance, before=LATER) == 2

    assert set(instance.get_run_ids()) == {beta, last, failed_last}
    assert displayed_in_ui(instance) == before
    assert not files_of(tmp_path, first)
    assert not files_of(tmp_path, failed)
    assert delete_old_runs(instance, before=LATER) == 0

    newest = run_asset(instance, "acme")
    assert delete_old_runs(instance, before=LATER) == 2
    assert set(instance.get_run_ids()) == runs_in_event_log(instance) == {beta, newest}


def test_a_run_that_is_on_its_way_stays(instance: dg.DagsterInstance) -> None:
    run = instance.create_run_for_job(build_definitions(CRON, "UTC").resolve_job_def("housekeeping"))
    assert delete_old_runs(instance, before=LATER) == 0
    assert instance.get_run_ids() == [run.run_id]


def test_an_account_that_is_loaded_no_more_keeps_its_history_and_not_its_answers(
    dagster_account: DagsterAccount,
) -> None:
    load_account(
        LoadContext(
            dagster_account.engine,
            dagster_account.settings.account(KEY),
            dagster_account.settings,
            clock=dagster_account.clock,
        )
    )
    settings = replace(dagster_account.settings, raw_retention_days=30)
    now = dagster_account.emulator.clock.now()
    assert purge_all_responses(dagster_account.engine, settings, now=now + timedelta(days=29)) == 0
    assert purge_all_responses(dagster_account.engine, settings, now=now + timedelta(days=31)) > 0
    assert dagster_account.rows("select count(*) from amocrm.raw_answer") == [(0,)]
    assert dagster_account.rows("select count(*) from amocrm.raw_body") == [(0,)]
    assert dagster_account.snapshot_count == 1


def test_answers_of_a_load_on_its_way_stay_even_where_none_are_kept(dagster_account: DagsterAccount) -> None:
    settings = replace(dagster_account.settings, raw_retention_days=0)
    extract_load(LoadContext(dagster_account.engine, settings.account(KEY), settings, clock=dagster_account.clock))
    now = dagster_account.emulator.clock.now()
    assert purge_all_responses(dagster_account.engine, settings, now=now + timedelta(hours=1)) == 0
    assert purge_all_responses(dagster_account.engine, settings, now=now + timedelta(hours=25)) > 0


def test_the_job_does_both_and_says_how_much(dagster_account: DagsterAccount, instance: dg.DagsterInstance) -> None:
    for _ in range(2):
        dagster_account.load(instance)
    clock = Clock(now=lambda: LATER + timedelta(days=91), sleep=dagster_account.wait)
    with ExitStack() as until:
        bench = Warehouse(lambda: dagster_account.settings, until, clock)
        done = (
            build_definitions(CRON, "UTC", bench).resolve_job_def("housekeeping").execute_in_process(instance=instance)
        )
    [told] = [event.step_output_data.metadata for event in done.all_events if event.is_successful_output]
    assert told["runs_deleted"].value == 1
    assert told["stays_deleted"].value == 0
    assert told["answers_deleted"].value == dagster_account.rows("select sum(request_count) from amocrm.snapshot")[0][0]


def test_the_command_does_both_by_the_settings(dagster_account: DagsterAccount, tmp_path: Path) -> None:
    settings = dagster_account.settings
    extract_load(LoadContext(dagster_account.engine, settings.account(KEY), settings, clock=dagster_account.clock))
    with dg.DagsterInstance.from_config(str(prepare_home(tmp_path / "data" / "dagster"))) as instance:
        for _ in range(2):
            run_asset(instance, "acme")
        assert settings.database_url
        variables = {"DATABASE_URL": settings.database_url.reveal(), "AMOCRM_RAW_RETENTION_DAYS": "1"}
        kept = run("housekeep", folder=tmp_path, **variables)
        assert (kept.returncode, kept.stdout.splitlines()[1:]) == (0, ["deleted 0 runs of Dagster"])
        # The emulated account lives in the past, so that its answers are older than a day.
        assert re.match(r"deleted [1-9] raw responses\n", kept.stdout)
        days = {"AMOCRM_DAGSTER_RUN_DAYS": "0", "AMOCRM_STAY_RETENTION_DAYS": "0"}
        done = run("housekeep", folder=tmp_path, **days, **variables)
        assert done.stdout.splitlines() == [
            "deleted 0 raw responses",
            "deleted 0 ended stays of customers",
            "deleted 1 run of Dagster",
        ]
