"""The demo's last load: made by the real schedule and the real job, in Dagster's own process and home."""

from __future__ import annotations

from contextlib import redirect_stderr
from dataclasses import replace

import dagster as dg

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
        (home.folder / "dagster.log").open("w", encoding="utf-8") as log,
        redirect_stderr(log),
        dg.DagsterInstance.from_config(str(folder)) as instance,
    ):
        results = run_tick(instance, replace(settings, database_url=Secret(url)))
    if not results or not all(result.success for result in results):
        raise WarehouseError(
            "The scheduled load failed.", advice="'./run dev' shows its run, with what happened and what to do."
        )
