"""The code location: loading it connects to nothing, and everything has a description."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pytest

from assets.definitions import build_definitions, settings_or_defaults
from assets.fleet import FLEET
from assets.jobs import load_account_job
from assets.names import LOAD_SCHEDULE
from assets.partitions import ACCOUNTS
from assets.report import REPORT, SOURCE_VIEWS
from assets.resources import Warehouse
from assets.scan_checks import SCAN
from assets.schedules import account_sensor
from assets.size_alerts import SIZE_ALERT
from assets.specs import (
    LOAD_FAILURE,
    PUBLISHED,
    QUALITY_EVENT,
    RAW_ANSWER,
    SCAN_TABLES,
    SEGMENT_JUMPS,
    SNAPSHOT,
    TABLES,
    VIEWS,
)
from assets.write_back import WRITE_BACKS, WriteBackConfig
from pipelines.base.secret import Secret
from pipelines.config.settings import AccountSettings, Settings
from pipelines.writeback.config_file import parse_desired

ROOT = Path(__file__).parents[2]
JOURNAL = [spec.key for spec in WRITE_BACKS]
ALONE = """
import os, sys

OURS = tuple(os.path.join(sys.argv[1], package) for package in ("assets", "pipelines", "sql"))

class Environment(type(os.environ)):
    def __getattribute__(self, name):
        frame = sys._getframe(1)
        while frame.f_code.co_filename in (os.__file__, "<frozen os>", "<string>"):
            frame = frame.f_back
        assert not frame.f_code.co_filename.startswith(OURS), f"{frame.f_code.co_filename} asks for the environment"
        return super().__getattribute__(name)

def refuse(event, arguments):
    assert event not in ("socket.connect", "socket.bind", "subprocess.Popen"), f"{event} {arguments}"

import dagster
sys.addaudithook(refuse)
kind = type(os.environ)
os.environ.__class__ = Environment
import assets.definitions, assets.dagster_home, assets.tick
os.environ.__class__ = kind
assert not {"babel", "jinja2", "pandas"} & sys.modules.keys()
print(len(assets.definitions.definitions().get_repository_def().asset_graph.get_all_asset_keys()))
"""
"""Imports the code location without reading the environment, then loads it; neither may connect to anything.
Packages that only some steps use are not imported."""


@pytest.fixture(scope="module")
def assets() -> dict[dg.AssetKey, dg.AssetSpec]:
    """Every asset of which a load or the report stores an event, by key."""
    graph = build_definitions("0 * * * *", "UTC").get_repository_def().asset_graph
    specs = {spec.key: spec for definition in graph.assets_defs for spec in definition.specs}
    return {key: spec for key, spec in specs.items() if key not in (FLEET.key, *JOURNAL)}


def test_importing_reads_no_environment_and_loading_connects_to_nothing(tmp_path: Path) -> None:
    environ = {name: text for name, text in os.environ.items() if not name.startswith("AMOCRM_")}
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(ROOT)],
        cwd=tmp_path,
        env=environ | {"PYTHONPATH": str(ROOT), "DATABASE_URL": "postgresql://127.0.0.1:1/none"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > len(PUBLISHED) + len(VIEWS)


def test_every_published_table_and_every_view_is_an_asset(assets: dict[dg.AssetKey, dg.AssetSpec]) -> None:
    views = {dg.AssetKey(key) for key, table in TABLES.items() if table.is_view and table.schema == "analytics"}
    assert views == {spec.key for spec in VIEWS}
    others = {RAW_ANSWER, SIZE_ALERT.key, REPORT, LOAD_FAILURE.key}
    assert assets.keys() == views | {spec.key for spec in (*PUBLISHED, *SCAN_TABLES)} | others


def test_a_load_executes_few_assets_and_those_have_the_checks() -> None:
    repository = build_definitions("0 * * * *", "UTC").get_repository_def()
    executed = repository.get_job(load_account_job.name).asset_layer.executable_asset_keys
    assert executed == {RAW_ANSWER, QUALITY_EVENT, SNAPSHOT, SIZE_ALERT.key, SEGMENT_JUMPS}
    checked = {check.asset_key for check in repository.asset_graph.asset_check_keys}
    assert checked - {SCAN} == executed - {SIZE_ALERT.key}


def test_every_node_of_the_graph_is_described() -> None:
    graph = build_definitions("0 * * * *", "UTC").get_repository_def().asset_graph
    assert {key.to_user_string() for key in graph.get_all_asset_keys() if not graph.get(key).description} == set()


def test_every_asset_explains_itself(assets: dict[dg.AssetKey, dg.AssetSpec]) -> None:
    for key, spec in assets.items():
        assert spec.description, key
        assert spec.owners, key
        assert spec.code_version, key
        assert spec.kinds, key
        assert spec.group_name in ("raw", "history", "customers", "analytics", "report"), key
        assert spec.partitions_def == ACCOUNTS, key
        if key == REPORT:  # no table
            continue
        assert spec.metadata["dagster/table_name"] == ".".join(key.path)
        assert all(column.description for column in spec.metadata["dagster/column_schema"].columns), key


def test_the_report_comes_from_views_that_there_are(assets: dict[dg.AssetKey, dg.AssetSpec]) -> None:
    assert {dep.asset_key for dep in assets[REPORT].deps} == {
        SNAPSHOT,
        *(dg.AssetKey(["analytics", view]) for view in SOURCE_VIEWS),
    }
    assert {("analytics", view) for view in SOURCE_VIEWS} <= set(TABLES)


def test_what_is_to_be_fresh(assets: dict[dg.AssetKey, dg.AssetSpec]) -> None:
    fresh = {key for key, spec in assets.items() if spec.freshness_policy}
    assert fresh == {SCAN, SNAPSHOT, *(spec.key for spec in VIEWS)}


def test_lineage_leads_from_the_answers_to_what_analysts_read(assets: dict[dg.AssetKey, dg.AssetSpec]) -> None:
    def sources(key: dg.AssetKey) -> set[dg.AssetKey]:
        found = {dep.asset_key for dep in assets[key].deps} if key in assets else set()
        return found.union(*map(sources, found))

    for view in ("segments", "stages", "segment_trends", "segment_snapshots", "changes", "snapshots"):
        assert dg.AssetKey(["amocrm", "raw_answer"]) in sources(dg.AssetKey(["analytics", view])), view


def test_the_schedule_has_the_times_of_the_settings_and_is_shipped_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("AMOCRM_SCHEDULE_CRON=15 */3 * * *\nAMOCRM_SCHEDULE_TIMEZONE=Asia/Tokyo\n")
    settings = settings_or_defaults()
    schedule = build_definitions(settings.schedule_cron, settings.schedule_timezone).resolve_schedule_def(LOAD_SCHEDULE)
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("15 */3 * * *", "Asia/Tokyo")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED


def test_settings_that_cannot_be_used_do_not_keep_the_pages_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AMOCRM_SCHEDULE_CRON", "whenever")
    assert settings_or_defaults() == Settings(data_dir=Path())


@pytest.mark.parametrize(
    "cron", ["0 * * * *", "* * * * *", "15 6 * * *", "0 8-20 * * 1-5", "@daily", "@weekly", "@monthly"]
)
def test_any_usual_schedule_can_be_loaded(cron: str) -> None:
    schedule = build_definitions(cron, "Europe/Moscow").resolve_schedule_def(LOAD_SCHEDULE)
    assert schedule.cron_schedule == cron


def test_the_launchpad_shows_a_configuration_that_plans_nothing() -> None:
    job = build_definitions("0 * * * *", "UTC").resolve_job_def("manage_account")
    assert job.run_config
    shown = WriteBackConfig(**job.run_config["ops"]["make_as_wanted"]["config"])
    assert shown.dry_run
    text, source = shown.contents(None)
    assert parse_desired(text, source=source).segments == ()


def test_the_sensor_registers_accounts_before_any_schedule(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path, accounts=(AccountSettings(key="corner", base_url="http://127.0.0.1:1", token=Secret("t")),)
    )
    with dg.DagsterInstance.ephemeral() as instance, ExitStack() as stack:
        resources = {"workbench": Warehouse(lambda: settings, stack)}
        account_sensor(dg.build_sensor_context(instance=instance, resources=resources))
        assert instance.get_dynamic_partitions("accounts") == ["corner"]


def test_the_job_runs_in_one_process() -> None:
    job = build_definitions("0 * * * *", "UTC").resolve_job_def(load_account_job.name)
    assert job.executor_def is dg.in_process_executor
