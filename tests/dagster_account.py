"""An emulated account that Dagster's jobs load, in this process, into a real Postgres."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import dagster as dg
import pytest
from sqlalchemy import Engine

from assets.definitions import build_definitions
from assets.jobs import load_account_job
from assets.resources import Warehouse
from assets.tick import QUIET_LOGGING
from emulator import Emulator
from emulator.clock import Clock as EmulatorClock
from pipelines.base.clock import Clock
from pipelines.base.secret import Secret
from tests.accounts import account_settings, fast_settings, fetch_rows
from tests.records import START

KEY: Final = "corner"
CRON: Final = "0 * * * *"


class DagsterAccount:
    """An account with two segments, and the job that loads it."""

    def __init__(self, emulator: Emulator, url: str, engine: Engine, folder: Path) -> None:
        self.emulator, self.engine = emulator, engine
        self.id = emulator.world.add_account("Corner Coffee")
        self.vip = emulator.world.add_segment(self.id, "VIP", size=10)
        self.new = emulator.world.add_segment(self.id, "New", size=3)
        self.token = emulator.long_lived_token(self.id)
        account = account_settings(emulator, self.id, KEY)
        self.settings = fast_settings(folder, accounts=(account,), database_url=Secret(url))

    @property
    def clock(self) -> Clock:
        """The emulator's time, which waits move on."""
        return Clock(now=self.emulator.clock.now, sleep=self.wait)

    def wait(self, seconds: float) -> None:
        """Advance the emulator's time."""
        self.emulator.clock.advance(timedelta(seconds=seconds))

    def load(
        self,
        instance: dg.DagsterInstance,
        *,
        selection: Sequence[dg.AssetKey] | None = None,
        **changes: Any,
    ) -> dg.ExecuteInProcessResult:
        """Run the job an hour after the last run."""
        self.emulator.clock.advance(timedelta(hours=1))
        instance.add_dynamic_partitions("accounts", [KEY])
        with ExitStack() as exit_stack:
            resource = Warehouse(lambda: replace(self.settings, **changes), exit_stack, self.clock)
            job = build_definitions(CRON, "UTC", resource).resolve_job_def(load_account_job.name)
            return job.execute_in_process(
                instance=instance,
                partition_key=KEY,
                asset_selection=selection,
                run_config=QUIET_LOGGING,
                raise_on_error=False,
            )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        return fetch_rows(self.engine, sql)

    @property
    def snapshot_count(self) -> int:
        """Number of published snapshots."""
        return int(self.rows("select count(*) from amocrm.snapshot")[0][0])


@contextmanager
def open_dagster_account(url: str, engine: Engine, folder: Path) -> Iterator[DagsterAccount]:
    """Open the account with its emulator."""
    with Emulator(clock=EmulatorClock(START)) as emulator:
        yield DagsterAccount(emulator, url, engine, folder)


def skip_retry_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Skip Dagster's waits before retries; return a list of the skipped seconds."""
    waits: list[float] = []
    # What Dagster calls ``time`` there: a clock that each wait moves on.
    clock = SimpleNamespace(time=lambda: sum(waits), sleep=waits.append)
    monkeypatch.setattr("dagster._core.execution.plan.active.time", clock)
    return waits


def materialization_metadata(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """Metadata of a run's materializations, by asset."""
    return {
        event.materialization.asset_key.to_user_string(): {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in result.all_events
        if event.is_step_materialization
    }


def check_evaluations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """The last evaluation of each check in a run."""
    return {one.check_name: one for one in result.get_asset_check_evaluations()}


def table_rows(metadata: Any) -> list[dict[str, Any]]:
    """Rows of a table in metadata."""
    return [dict(record.data) for record in metadata.records]


def count_events(result: dg.ExecuteInProcessResult) -> Counter[str]:
    """Count a run's events by type."""
    return Counter(event.event_type_value for event in result.all_events)


def step_failure(result: dg.ExecuteInProcessResult) -> tuple[str | None, dict[str, Any], bool]:
    """Description and metadata of the failed step, and if it was retried."""
    [event] = [event for event in result.all_events if event.is_step_failure]
    user_failure = event.step_failure_data.user_failure_data
    assert user_failure is not None
    return (
        user_failure.description,
        {name: value.value for name, value in user_failure.metadata.items()},
        count_events(result)["STEP_UP_FOR_RETRY"] > 0,
    )
