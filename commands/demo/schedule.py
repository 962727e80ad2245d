"""The demo's last load: made by the real schedule and the real job, in Dagster's own process and home."""

from __future__ import annotations

from contextlib import redirect_stderr
from dataclasses import replace

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from assets.instance import prepare_home
from assets.scheduled import run_tick
from commands.demo.home import DemoHome
from pipelines.errors import WarehouseError
from pipelines.secret import Secret
from pipelines.settings import Settings


def load_on_schedule(home: DemoHome, settings: Settings, url: str) -> None:
    """Have the schedule decide what to load now, and load it. Raises ``WarehouseError`` where the run failed."""
    folder = prepare_home(home.dagster_folder)
    # What Dagster logs is told by the run's page too; here it would bury what the demo has to say.
    with (
        home.dagster_log.open("w", encoding="utf-8") as log,
        redirect_stderr(log),
        dg.DagsterInstance.from_config(str(folder)) as instance,
    ):
        end_abandoned_runs(instance)
        results = run_tick(instance, replace(settings, database_url=Secret(url)))
        if any(was_interrupted(instance, result.run_id) for result in results):
            raise KeyboardInterrupt
    if not results or not all(result.success for result in results):
        raise WarehouseError(
            f"The scheduled load failed: {home.dagster_log} has Dagster's account of it.", advice="Run the demo again."
        )


def was_interrupted(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether Ctrl-C, or SIGTERM, ended the run: Dagster takes that for itself and goes on."""
    run = instance.get_run_by_id(run_id)
    return run is not None and run.status == dg.DagsterRunStatus.CANCELED


def end_abandoned_runs(instance: dg.DagsterInstance) -> None:
    """End runs whose process was killed, or the schedule would wait for them. For whoever is alone with the data."""
    for run in instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES)):
        instance.report_run_canceled(run, message="The program that this run was part of was ended.")
