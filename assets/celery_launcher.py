"""Run launcher for Celery that detects dead workers. Needs the extra ``celery``; see deploy/celery/dagster.yaml."""

from __future__ import annotations

from dagster_celery.launcher import CeleryRunLauncher  # type: ignore[import-not-found,unused-ignore] # an extra
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG  # type: ignore[import-not-found,unused-ignore]

from assets.dagster_internals import CheckRunHealthResult, DagsterRun, WorkerStatus

PING_TIMEOUT_SECONDS = 5.0


class WatchedCeleryLauncher(CeleryRunLauncher):  # type: ignore[misc,unused-ignore] # Any, where it is not installed
    """Celery launcher that pings the worker of a run.

    Dagster's own launcher regards a started task as running even if its worker died long ago. Such a run would block
    loads of its accounts until it times out.
    """

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Ping the worker that started the run. Report it as gone after two pings without a response."""
        worker = self.find_worker(run)
        if worker is None:
            health: CheckRunHealthResult = super().check_run_worker_health(run)
            return health
        for _ in range(2):
            if self.celery.control.ping(destination=[worker], timeout=PING_TIMEOUT_SECONDS):
                return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"The worker {worker} no longer responds.")

    def find_worker(self, run: DagsterRun) -> str | None:
        """Return the worker that executes the run; None if none has started it, or it has ended."""
        task = self.celery.AsyncResult(run.tags.get(DAGSTER_CELERY_TASK_ID_TAG, ""))
        is_started = task.state == "STARTED" and isinstance(task.info, dict)
        return task.info.get("hostname") if is_started else None
