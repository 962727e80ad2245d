"""Starts runs as Dagster's own launcher does, and can tell whether the process of a run is still there."""

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
    """The launcher of runs as processes of this machine.

    A process that dies is noticed by the code server that started it. A run whose code server died too would count as
    running until its time is up, and its account would not be loaded meanwhile; so the server is asked for it.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Lets run monitoring ask."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Ask the code server that started the run whether it is executing it. In doubt it is."""
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        if client is None:  # not started by a server, such as the demo's load, or finished meanwhile
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
