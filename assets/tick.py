"""One tick of the load schedule without Dagster's daemon, with its runs executed in this process."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

import dagster as dg

from assets.definitions import build_definitions
from assets.names import LOAD_SCHEDULE
from assets.resources import Warehouse
from pipelines.base.clock import SYSTEM_CLOCK, Clock
from pipelines.config.settings import Settings
from pipelines.load.buckets import is_fleet

QUIET_LOGGING: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Keeps Dagster's log off the screen; events are stored as usual."""


def run_tick(
    instance: dg.DagsterInstance, settings: Settings, *, clock: Clock = SYSTEM_CLOCK
) -> list[dg.ExecuteInProcessResult]:
    """Evaluate the schedule at ``clock.now()`` and execute its runs; return one result per run, none if it skips.

    Runs, events and asset materializations are stored in ``instance`` as the daemon does it.
    """
    with ExitStack() as exit_stack:
        warehouse = Warehouse(lambda: settings, exit_stack, clock)
        definitions = build_definitions(
            settings.schedule_cron, settings.schedule_timezone, warehouse, is_fleet=is_fleet(settings)
        )
        with dg.build_schedule_context(
            instance,
            scheduled_execution_time=clock.now(),
            resources={"workbench": warehouse},
            repository_def=definitions.get_repository_def(),
        ) as context:
            schedule = definitions.resolve_schedule_def(LOAD_SCHEDULE)
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
