"""The demo's last load, by the real schedule and the real job: the program that ``schedule`` starts."""

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
    """Make everything ready, wait for an order on standard input, answer on standard output what went wrong."""
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
    """End this process, and all it has started, once nobody holds the other end of standard input."""
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)


def run_schedule(instance: dg.DagsterInstance, settings: Settings) -> str | None:
    """Have the schedule decide what to load now, and load it; what went wrong, if anything did."""
    cancel_abandoned_runs(instance)
    results = run_tick(instance, settings)
    if results and all(result.success for result in results):
        return None
    errors = [error.message for result in results for error in step_errors(result)]
    return " ".join(" ".join(errors).split()) or "the schedule asked for none."


def step_errors(result: dg.ExecuteInProcessResult) -> Iterator[SerializableErrorInfo]:
    """The errors that ended steps of a run."""
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error:
            yield event.step_failure_data.error


def cancel_abandoned_runs(instance: dg.DagsterInstance) -> None:
    """End runs whose process was killed, or the schedule would wait for them. For whoever is alone with the data."""
    for run in instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES)):
        instance.report_run_canceled(run, message="The program that this run was part of was ended.")


if __name__ == "__main__":
    main()
