"""Run launcher for processes of this machine that detects dead ones."""

from __future__ import annotations

import grpc  # type: ignore[import-untyped]  # its stubs are a package of their own

from assets.dagster_internals import (
    CanCancelExecutionRequest,
    CanCancelExecutionResult,
    CheckRunHealthResult,
    DagsterRun,
    DagsterUserCodeUnreachableError,
    DefaultRunLauncher,
    WorkerStatus,
    deserialize_value,
)

RPC_TIMEOUT_SECONDS = 10


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher with a health check.

    The code server notices if the process of a run dies. But if the code server dies too, Dagster regards the run as
    running until it times out, and its account is not loaded meanwhile. So run monitoring asks the code server.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """True, so that run monitoring checks."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Ask the code server that started the run whether it executes it. If unclear, report it as running."""
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        if client is None:  # not started by a code server, such as the demo's load, or already finished
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        request = CanCancelExecutionRequest(run_id=run.run_id)
        try:
            response = deserialize_value(
                client.can_cancel_execution(request, timeout=RPC_TIMEOUT_SECONDS), CanCancelExecutionResult
            )
        except DagsterUserCodeUnreachableError as error:
            cause = error.__cause__
            if isinstance(cause, grpc.Call) and cause.code() == grpc.StatusCode.UNAVAILABLE:
                return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "The code server that started the run is gone.")
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if response.can_cancel:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "The process of the run is gone.")
