"""The Dagster component, and the project's own entry for Dagster's tool ``dg``."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest

from assets.component import AmocrmWarehouse
from assets.names import ASSET_JOB, JOBS, LOAD_ACCOUNT, LOAD_SCHEDULE
from assets.report import REPORT
from assets.sensors import is_ours
from assets.specs import RAW_ANSWER

ROOT = Path(__file__).parents[2]
OWN = dg.AssetKey("own")


@dg.asset(key=OWN)
def own() -> None:
    """Asset of the project that uses the component."""


def test_a_project_loads_accounts_beside_its_own_assets(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("AMOCRM_SCHEDULE_CRON=15 */3 * * *\n")
    found = dg.Definitions.merge(
        AmocrmWarehouse(folder=str(tmp_path)).build_defs(dg.ComponentTree.for_test().load_context),
        dg.Definitions(assets=[own], executor=dg.multiprocess_executor),
    )
    assert found.resolve_schedule_def(LOAD_SCHEDULE).cron_schedule == "15 */3 * * *"
    job = found.resolve_job_def(LOAD_ACCOUNT)
    assert RAW_ANSWER in job.asset_layer.executable_asset_keys
    assert not {OWN, REPORT} & set(job.asset_layer.executable_asset_keys)
    assert job.executor_def is dg.in_process_executor


@pytest.mark.parametrize(
    ("job", "selected", "expected"),
    [
        *((job, None, True) for job in JOBS),
        (ASSET_JOB, None, True),
        (ASSET_JOB, {REPORT}, True),
        (ASSET_JOB, {OWN, RAW_ANSWER}, True),
        (ASSET_JOB, {OWN}, False),
        ("own_job", None, False),
    ],
)
def test_failures_of_other_jobs_of_a_project_are_not_alerted(
    job: str, selected: set[dg.AssetKey] | None, *, expected: bool
) -> None:
    run = dg.DagsterRun(job_name=job, run_id="0", asset_selection=frozenset(selected) if selected else None)
    assert is_ours(run) is expected


def test_dg_finds_the_definitions_and_the_component() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    module = project["tool"]["dg"]["project"]["code_location_target_module"]
    assert callable(import_module(module).definitions)
    [registered] = project["project"]["entry-points"]["dagster_dg_cli.registry_modules"].values()
    found: ModuleType = import_module(registered)
    assert issubclass(found.AmocrmWarehouse, dg.Component)
