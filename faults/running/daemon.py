"""Loads started by Dagster's daemon: a run per bucket, a process per run."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import dagster as dg

from assets.names import LOAD_FLEET, PARTITION_TAG
from emulator import Emulator
from faults.dagster_site import DAGSTER, PATIENCE, ROOT, Site, worker
from faults.running.accounts import EmulatedAccounts
from faults.running.killer import Kill, Killer, Loader
from pipelines.config.settings import Settings, load_settings
from pipelines.load.buckets import Bucket

BUCKETS: Final = 4
THREADS: Final = 8
"""Concurrent loads of a run, which all end with its worker."""


class Fleet(Site):
    """Dagster's programs for many accounts: a tick a minute, a run per bucket."""

    def __init__(
        self, folder: Path, url: str, emulator: Emulator, emulated: EmulatedAccounts, account_ids: Sequence[int]
    ) -> None:
        super().__init__(folder, url, emulator)
        needless = ("AMOCRM_ALERT_WEBHOOK_URL", "AMOCRM_REQUESTS_PER_SECOND")  # emulators have no rate limit by default
        self.environ = {name: one for name, one in self.environ.items() if name not in needless} | {
            "AMOCRM_FLEET_BUCKETS": str(BUCKETS),
            "AMOCRM_THREADS": str(THREADS),
            "AMOCRM_SCHEDULE_CRON": "* * * * *",
            "AMOCRM_RAW_RETENTION_DAYS": "3650",
            **{f"TOKEN_{one}": emulated.tokens[one] for one in account_ids},
        }
        lines = (
            f'[accounts.account-{one}]\nhost = "{emulator.host}"\ntoken_env = "TOKEN_{one}"\n' for one in account_ids
        )
        (folder / "accounts.toml").write_text("".join(lines), encoding="utf-8")

    def dagster(self, *arguments: str) -> None:
        """Run a command of Dagster on the project's workspace."""
        command = [*DAGSTER, *arguments, "-w", str(ROOT / "workspace.yaml")]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr)

    @property
    def settings(self) -> Settings:
        """Settings of the workers."""
        return load_settings(self.environ, self.folder)


@dataclass(kw_only=True)
class Daemon(Killer):
    """Kill workers of the schedule's runs."""

    fleet: Fleet
    instance: dg.DagsterInstance
    runs: dict[str, Loader] = field(default_factory=dict)  # that are executed
    known: set[str] = field(default_factory=set)
    looked_at: float = 0.0

    def step(self) -> Kill | None:
        """Kill a worker if due."""
        if time.monotonic() - self.looked_at > 0.1:
            self._look()
        for run in self.runs.values():
            if struck := self.kill_if_due(run):
                return struck
        return None

    def _look(self) -> None:
        """Update the running runs and their processes."""
        started = dg.RunsFilter(job_name=LOAD_FLEET, statuses=[dg.DagsterRunStatus.STARTED])
        executed = {run.run_id: run for run in self.instance.get_runs(started, limit=20)}
        for run_id in self.runs.keys() - executed.keys():
            del self.runs[run_id]
            self.learn(run_id)
        for run_id in executed.keys() - self.known:
            self.known.add(run_id)
            bucket = Bucket.from_key(executed[run_id].tags[PARTITION_TAG])
            accounts = bucket.accounts(self.fleet.settings.accounts)
            self.runs[run_id] = self.found(run_id, (int(one.key.removeprefix("account-")) for one in accounts))
        for run in self.runs.values():
            run.pid = run.pid or worker(self.instance, run.run_id)
        self.looked_at = time.monotonic()
