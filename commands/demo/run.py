"""One run of the demo, from a folder that may be empty to the last line on the screen."""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from sqlalchemy import Engine

from commands.demo import screen
from commands.demo.history import instants, live_through
from commands.demo.home import DemoHome, Mode, Simulation
from commands.demo.schedule import dagster_process
from commands.demo.simulated import simulated_account
from commands.demo.summary import last_observed_at, read_summary
from pipelines.errors import SettingsError
from pipelines.program import program_here
from pipelines.warehouse.engine import database_url, open_engine
from pipelines.warehouse.migrate import migrate

DEFAULT_SEED = 1
NEWS_COUNT = 12

LAZY_COMMITS = "?options=-c%20synchronous_commit%3Doff"
"""Commits need not wait for the disk: what a power cut takes from the end of the history is lived through once more."""

QUERIES: dict[Mode, str] = {
    "segments": (
        "select name, customers_count, change_7_days, change_30_days from analytics.segment_trends order by 2 desc"
    ),
    "periodicity": (
        "select observed_at, thing_name, change, property, old_value, new_value from analytics.changes order by 1"
    ),
}


def run(*, is_fresh: bool, mode: Mode, days: int, seed: int | None) -> None:
    """Bring the simulated account's history to the present, and show it."""
    began = time.monotonic()
    console = screen.open_console()
    screen.show_banner(console)
    home = DemoHome.of_mode(mode)
    with home.alone(), ExitStack() as stack:
        simulation = prepare(home, is_fresh=is_fresh, mode=mode, days=days, seed=seed)
        console.print("Starting the embedded PostgreSQL …")
        url = stack.enter_context(database_url(home.settings))
        engine = open_engine(url + LAZY_COMMITS)
        stack.callback(engine.dispose)
        migrate(engine)
        load_count = bring_to_present(console, engine, home, simulation, url)
        seconds = time.monotonic() - began
        summary = read_summary(engine, days=screen.spark_days(console), news_count=NEWS_COUNT)
    screen.show_summary(console, summary)
    screen.show_cost(console, summary, load_count=load_count, seconds=seconds)
    screen.show_next_steps(console, next_steps(mode))


def prepare(home: DemoHome, *, is_fresh: bool, mode: Mode, days: int, seed: int | None) -> Simulation:
    """The simulation to go on with, or a new one that began so many days ago."""
    found = None if is_fresh else home.simulation()
    if found is None:
        today = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        found = Simulation(
            seed=DEFAULT_SEED if seed is None else seed, started_at=today - timedelta(days=days), mode=mode
        )
        home.begin(found)
    elif seed not in (None, found.seed):
        raise SettingsError(
            f"The demo's history was made with the seed {found.seed}, not {seed}.",
            advice="Leave --seed out to go on with it, or add --fresh to begin anew.",
        )
    return found


def bring_to_present(console: Console, engine: Engine, home: DemoHome, simulation: Simulation, url: str) -> int:
    """Live through all that was not loaded yet, then load the present as the schedule does; how many loads it took."""
    newest = last_observed_at(engine)
    with (
        dagster_process(home) as dagster,
        simulated_account(home, simulation, newest or simulation.started_at) as simulated,
    ):
        # What was changed by a command since the newest load cannot be undone: loads before that are missed.
        newest = newest and max(newest, simulated.story.at or newest)
        moments = instants(simulation.started_at, newest, datetime.now(UTC))
        load_count = screen.follow(console, live_through(engine, simulated, moments), simulation, len(moments))
        simulated.go_to_present()
        console.print("The last load: Dagster's schedule is due, and its job runs …")
        dagster.load(simulated.settings, url)
    return load_count + 1


def next_steps(mode: Mode) -> list[tuple[str, str]]:
    """What to do next, and the line that does it."""
    program = program_here()
    fill_in = "cp .env.example .env; " if Path(".env.example").exists() and not Path(".env").exists() else ""
    return [
        ("The history in SQL:", f'{program} psql --demo {mode} -c "{QUERIES[mode]}"'),
        (
            "Dagster's pages on the same data, at http://127.0.0.1:3000; Ctrl-C ends them:",
            f"{program} dev --demo {mode}",
        ),
        (
            "Your own account: set AMOCRM_HOST and AMOCRM_TOKEN in .env; this checks them:",
            f"{fill_in}{program} doctor",
        ),
    ]
