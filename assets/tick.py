"""A tick of the schedule without Dagster's daemon: the real schedule decides, and its runs are executed here."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

import dagster as dg

from assets.definitions import build_definitions
from assets.resources import WarehouseResource
from assets.schedules import SCHEDULE_NAME
from pipelines.base.clock import SYSTEM_CLOCK, Clock
from pipelines.config.settings import Settings
from pipelines.load.buckets import is_fleet

QUIET_LOGGING: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Events are kept as always; only the screen, which is the caller's, is not written to."""


def run_tick(
    instance: dg.DagsterInstance, settings: Settings, *, clock: Clock = SYSTEM_CLOCK
) -> list[dg.ExecuteInProcessResult]:
    """Have the schedule decide at ``clock.now()`` what to load, and load it; a result per run, none where it skips.

    Runs, events and asset materializations are kept in ``instance`` as those of the daemon are.
    """
    with ExitStack() as exit_stack:
        resource = WarehouseResource(lambda: settings, exit_stack, clock)
        definitions = build_definitions(
            settings.schedule_cron, settings.schedule_timezone, resource, is_fleet=is_fleet(settings)
        )
        with dg.build_schedule_context(
            instance,
            scheduled_execution_time=clock.now(),
            resources={"workbench": resource},
            repository_def=definitions.get_repository_def(),
        ) as context:
            schedule = definitions.resolve_schedule_def(SCHEDULE_NAME)
            tick = schedule.evaluate_tick(context)
        job = definitions.resolve_job_def(schedule.job_name)
        return [
            job.execute_in_process(
                instance=instance,
                partition_key=request.partition_key,
                tags=dict(request.tags),
                run_config=QUIET_LOGGING,
                raise_on_error=False,
            )
            for request in tick.run_requests or ()
        ]
