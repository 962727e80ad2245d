"""Program of the demo's Dagster process: one load by the real schedule and job."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from assets.dagster_home import prepare_home
from assets.dagster_internals import NOT_FINISHED_STATUSES
from assets.tick import run_tick
from commands.demo.home import ACCOUNT_KEY, DemoHome
from pipelines.base.secret import Secret
from pipelines.config.settings import AccountSettings, Settings


def main() -> None:
    """Prepare Dagster's home, wait for a request on standard input, and write the failure, if any, as JSON."""
    home = DemoHome(Path(sys.argv[1]))
    response = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    folder = prepare_home(home.dagster_folder)
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=exit_with_parent, daemon=True).start()
    account = AccountSettings(key=ACCOUNT_KEY, base_url=request["base_url"], token=Secret(request["token"]))
    settings = Settings(data_dir=home.folder, accounts=(account,), database_url=Secret(request["database_url"]))
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        failure = run_schedule(instance, settings)
    print(json.dumps({"failure": failure}), file=response, flush=True)


def exit_with_parent() -> None:
    """Kill this process and its children once the parent's end of standard input is closed."""
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)


def run_schedule(instance: dg.DagsterInstance, settings: Settings) -> str | None:
    """Evaluate the schedule and execute its runs; return the error messages, or None if all succeeded."""
    cancel_abandoned_runs(instance)
    results = run_tick(instance, settings)
    if results and all(result.success for result in results):
        return None
    errors = [error.message for result in results for error in step_errors(result)]
    return " ".join(" ".join(errors).split()) or "the schedule requested no run."


def step_errors(result: dg.ExecuteInProcessResult) -> Iterator[SerializableErrorInfo]:
    """Yield the errors of a run's failed steps."""
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error:
            yield event.step_failure_data.error


def cancel_abandoned_runs(instance: dg.DagsterInstance) -> None:
    """Cancel runs whose process was killed, for which the schedule would wait. The caller holds the demo's lock."""
    for run in instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES)):
        instance.report_run_canceled(run, message="The process of this run was killed.")


if __name__ == "__main__":
    main()
