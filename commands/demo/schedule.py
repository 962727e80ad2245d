"""The demo's last load: made by the real schedule and the real job, in Dagster's own process and home."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster_shared.error import SerializableErrorInfo

from assets.instance import prepare_home
from assets.scheduled import run_tick
from commands.demo.home import DemoHome
from pipelines.errors import WarehouseError
from pipelines.secret import Secret
from pipelines.settings import Settings

INTERRUPTIONS: Final = {"DagsterExecutionInterruptedError", "KeyboardInterrupt", "Terminated"}


def load_on_schedule(home: DemoHome, settings: Settings, url: str) -> None:
    """Have the schedule decide what to load now, and load it. Raises ``WarehouseError`` where the run failed."""
    folder = prepare_home(home.dagster_folder)
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        end_abandoned_runs(instance)
        try:
            results = run_tick(instance, replace(settings, database_url=Secret(url)))
        except dg.DagsterExecutionInterruptedError:
            raise KeyboardInterrupt from None
        runs = [instance.get_run_by_id(result.run_id) for result in results]
    if results and all(result.success for result in results):
        return
    errors = [error for result in results for error in step_errors(result)]
    is_canceled = any(run is not None and run.status == dg.DagsterRunStatus.CANCELED for run in runs)
    if is_canceled or any(error.cls_name in INTERRUPTIONS for error in errors):
        raise KeyboardInterrupt  # Dagster takes Ctrl-C for itself, in one of several ways, and goes on
    told = " ".join(" ".join(error.message for error in errors).split()) or "the schedule asked for none."
    raise WarehouseError(f"The scheduled load failed: {told}", advice="Run the demo again.")


def step_errors(result: dg.ExecuteInProcessResult) -> Iterator[SerializableErrorInfo]:
    """The errors that ended steps of a run."""
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error:
            yield event.step_failure_data.error


def end_abandoned_runs(instance: dg.DagsterInstance) -> None:
    """End runs whose process was killed, or the schedule would wait for them. For whoever is alone with the data."""
    for run in instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES)):
        instance.report_run_canceled(run, message="The program that this run was part of was ended.")
