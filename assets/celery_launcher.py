"""Starts runs as tasks of Celery, on whichever worker is free, and can tell whether that worker is still there.

For the extra ``celery``; ``deploy/celery/dagster.yaml`` names it. Nothing else here knows of Celery.
"""

from __future__ import annotations

from dagster_celery.launcher import CeleryRunLauncher  # type: ignore[import-not-found,unused-ignore] # an extra
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG  # type: ignore[import-not-found,unused-ignore]

from assets.dagster_internals import CheckRunHealthResult, DagsterRun, WorkerStatus

PING_TIMEOUT_SECONDS = 5.0


class WatchedCeleryLauncher(CeleryRunLauncher):  # type: ignore[misc,unused-ignore] # Any, where it is not installed
    """Dagster's own launcher takes a task that was started for one that runs, even if its worker died long ago.

    The run would hold its accounts up until its time is over; so the worker is asked.
    """

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Ask the worker that began the run whether it is there. In doubt it is, until it has not answered twice."""
        worker = self.find_worker(run)
        if worker is None:
            health: CheckRunHealthResult = super().check_run_worker_health(run)
            return health
        for _ in range(2):
            if self.celery.control.ping(destination=[worker], timeout=PING_TIMEOUT_SECONDS):
                return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"The worker {worker} does not answer any more.")

    def find_worker(self, run: DagsterRun) -> str | None:
        """The worker that is executing the run; None where none has begun, or it has ended."""
        task = self.celery.AsyncResult(run.tags.get(DAGSTER_CELERY_TASK_ID_TAG, ""))
        is_started = task.state == "STARTED" and isinstance(task.info, dict)
        return task.info.get("hostname") if is_started else None
