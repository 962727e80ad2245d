"""One run of the demo: simulate, load and show the history."""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from sqlalchemy import Engine

from commands.account_screen import open_console, show_account, sparkline_days
from commands.account_summary import read_summary
from commands.demo import screen
from commands.demo.dagster_process import dagster_process
from commands.demo.home import ACCOUNT_KEY, DemoHome, Mode, SimulationConfig
from commands.demo.simulated_account import simulated_account
from commands.demo.simulated_loads import load_times, scan_if_due, simulate_loads
from commands.demo.summary import count_rows, last_observed_at
from commands.terminal_language import terminal_language
from pipelines.base.errors import SettingsError
from pipelines.base.language import Language, lazy_gettext
from pipelines.base.program import program_name
from pipelines.warehouse.engine import database_url, open_engine
from pipelines.warehouse.migrate import migrate

DEFAULT_SEED = 1
CHANGE_COUNT = 12

CUSTOMERS: dict[Mode, int] = {"segments": 1_200, "periodicity": 1_000}
"""Customers of a new demo. In recurring-purchases mode each of them moves more often, which takes longer."""

ASYNC_COMMIT_OPTION = "?options=-c%20synchronous_commit%3Doff"
"""Commits do not wait for the disk: loads that a power cut loses are simulated again."""

QUERIES: dict[Mode, str] = {
    "segments": (
        "select name, customers_count, change_7_days, change_30_days from analytics.segment_trends order by 2 desc"
    ),
    "periodicity": (
        "select name, customers_count, change_7_days, change_30_days from analytics.stage_trends order by 2 desc"
    ),
}


def run(*, is_fresh: bool, mode: Mode, days: int, seed: int | None) -> None:
    """Load the simulated account's history up to the present, and show it."""
    started = time.monotonic()
    console, language = open_console(), terminal_language()
    screen.show_banner(console, language)
    home = DemoHome.of_mode(mode)
    with home.exclusive_lock(), ExitStack() as stack:
        config = load_or_create_simulation(home, is_fresh=is_fresh, mode=mode, days=days, seed=seed)
        console.print(language.gettext("Starting the embedded PostgreSQL …"))
        url = stack.enter_context(database_url(home.settings))
        engine = open_engine(url + ASYNC_COMMIT_OPTION)
        stack.callback(engine.dispose)
        migrate(engine)
        load_count = load_until_present(console, language, engine, home, config, url)
        seconds = time.monotonic() - started
        days = sparkline_days(console)
        summary = read_summary(engine, ACCOUNT_KEY, language, days=days, change_count=CHANGE_COUNT)
        row_count = count_rows(engine)
    show_account(console, summary, is_simulated=True)
    screen.show_cost(console, summary, row_count=row_count, load_count=load_count, seconds=seconds)
    screen.show_next_steps(console, next_steps(mode), language)


def load_or_create_simulation(
    home: DemoHome, *, is_fresh: bool, mode: Mode, days: int, seed: int | None
) -> SimulationConfig:
    """Return the existing simulation, or a new one that started ``days`` ago."""
    config = None if is_fresh else home.config()
    if config is None:
        today = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        config = SimulationConfig(
            seed=DEFAULT_SEED if seed is None else seed,
            started_at=today - timedelta(days=days),
            mode=mode,
            customers=CUSTOMERS[mode],
        )
        home.begin(config)
    elif seed not in (None, config.seed):
        raise SettingsError(
            f"The demo's history has the seed {config.seed}, not {seed}.",
            advice="Omit --seed to continue it, or add --fresh to start over.",
        )
    home.mark_latest()
    return config


def load_until_present(
    console: Console, language: Language, engine: Engine, home: DemoHome, config: SimulationConfig, url: str
) -> int:
    """Simulate all loads that are missing, then load the present by the schedule; return the number of loads."""
    latest_at = last_observed_at(engine)
    with (
        dagster_process(home) as dagster,
        simulated_account(home, config, latest_at or config.started_at) as simulated,
    ):
        # A command may have changed the account after the latest load. Loads before that change are skipped.
        latest_at = latest_at and max(latest_at, simulated.simulation.at or latest_at)
        timestamps = load_times(config.started_at, latest_at, datetime.now(UTC))
        load_count = screen.show_simulation_progress(
            console, language, simulate_loads(engine, simulated, timestamps), config, len(timestamps)
        )
        simulated.set_time_to_present()
        console.print(language.gettext("Last load, by Dagster's schedule and job …"))
        dagster.load(simulated.settings, url)
        scan_if_due(engine, simulated)
    return load_count + 1


def next_steps(mode: Mode) -> list[tuple[str, str]]:
    """Return next steps: a purpose, and the command for it."""
    program = program_name()
    # Pasted later, it keeps a token that was written meanwhile, and lets no other user read it.
    fill_in = (
        "(umask 077; cp -n .env.example .env); " if Path(".env.example").exists() and not Path(".env").exists() else ""
    )
    return [
        (lazy_gettext("The history in SQL:"), f'{program} psql --demo {mode} -c "{QUERIES[mode]}"'),
        (lazy_gettext("The report, one HTML page:"), f"{program} report --demo {mode}"),
        (lazy_gettext("Dashboards on the same data, in Apache Superset:"), f"{program} superset --demo {mode}"),
        (
            lazy_gettext("Dagster's UI on the same data, at http://127.0.0.1:3000; Ctrl-C stops it:"),
            f"{program} dev --demo {mode}",
        ),
        (
            lazy_gettext("Your own account: set AMOCRM_HOST and AMOCRM_TOKEN in .env, then check them:"),
            f"{fill_in}{program} doctor",
        ),
    ]
