"""The demo: first run, resume, restart, interruption and kill, all inside its own folder."""

from __future__ import annotations

import random
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from sqlalchemy import Engine, text

from assets.dagster_home import prepare_home
from commands.account_summary import read_summary
from commands.demo.home import ACCOUNT_KEY, DemoHome, SimulationConfig
from commands.demo.simulated_account import simulated_account
from commands.demo.simulated_loads import LOAD_INTERVAL, load_times, simulate_loads
from pipelines.base.language import ENGLISH
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from pipelines.warehouse.engine import database_url
from tests.command_line import build_environment, command_line, run, running_processes
from tests.conftest import shared_temporary_folder

HOSTILE = {
    "DATABASE_URL": "postgresql://nobody:hunter2secret@127.0.0.1:1/theirs",
    "AMOCRM_HOST": "theirs.amocrm.ru",
    "AMOCRM_TOKEN": "their-token",
    "AMOCRM_REQUESTS_PER_SECOND": "0.001",
    "DAGSTER_HOME": "/nonexistent",
}
"""Settings of a user's own, none of which the demo may touch."""


@pytest.fixture
def folder() -> Iterator[Path]:
    with shared_temporary_folder() as folder:
        yield folder


def sql(folder: Path, query: str, mode: str = "segments") -> list[str]:
    """Rows of a query on the demo's data."""
    result = run("psql", "--demo", mode, "-Atc", query, folder=folder, **HOSTILE)
    assert result.returncode == 0, result.stderr
    assert "SIMULATED" in result.stderr
    return result.stdout.splitlines()


def test_demo_runs_once_resumes_and_restarts(folder: Path) -> None:
    first = run("demo", "--days", "3", folder=folder, **HOSTILE)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.count("SIMULATED") == 1
    assert "Corner Coffee  simulated account" in first.stdout
    assert "mode 'segments'" in first.stdout
    assert re.search(r"Постоянные +4\d\d +[−+]?\d+ +– +– +[▁▂▃▄▅▆▇█]+", first.stdout)
    assert "This run: 14 loads in" in " ".join(first.stdout.split())
    assert not running_processes(folder)
    by_dagster = "select count(*), count(run_id) from amocrm.snapshot"
    assert sql(folder, by_dagster) == ["14|1"]

    pasted = [line.strip() for line in first.stdout.splitlines() if line.startswith("    amocrm-warehouse ")]
    psql, report, superset, dev, doctor = (shlex.split(line) for line in pasted)
    assert (dev[1:], doctor[1:]) == (["dev", "--demo", "segments"], ["doctor"])
    assert (report[1:], superset[1:]) == (["report", "--demo", "segments"], ["superset", "--demo", "segments"])
    assert "Постоянные" in run(*psql[1:], folder=folder, **HOSTILE).stdout

    again = run("demo", folder=folder)
    assert again.returncode == 0
    assert "Loaded 15 snapshots" in " ".join(again.stdout.split())
    assert sql(folder, by_dagster) == ["15|2"]

    other_seed = run("demo", "--seed", "7", folder=folder)
    assert other_seed.returncode == 2
    assert "--fresh" in other_seed.stderr
    anew = run("demo", "--fresh", "--days", "1", "--seed", "7", folder=folder)
    assert anew.returncode == 0
    assert sql(folder, by_dagster) == ["6|1"]


def test_an_account_of_stages(folder: Path) -> None:
    result = run("demo", "--days", "13", "--mode", "periodicity", folder=folder)
    assert result.returncode == 0
    assert "mode 'periodicity'" in result.stdout
    assert re.search(r"Expected purchase +system +before purchase: \d", result.stdout)
    assert re.search(r"Recently purchased +[1-9]\d\d +[−+]?\d+ +[−+]?\d+ +– +[▁▂▃▄▅▆▇█]+", result.stdout)
    assert "stage 'Заказ в пути' added" in result.stdout
    assert "--demo periodicity" in result.stdout
    assert not running_processes(folder)


def test_interrupted_and_killed_at_any_moment_it_goes_on_from_there(folder: Path) -> None:
    chance = random.Random(20_261_122)  # noqa: S311
    for number in (signal.SIGINT, signal.SIGKILL, signal.SIGTERM):
        demo = subprocess.Popen(
            command_line("demo", "--days", "4"),
            cwd=folder,
            env=build_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(chance.uniform(0.2, 5.0))
        demo.send_signal(number)
        _, said = demo.communicate(timeout=60)
        if number == signal.SIGKILL:
            wait_until_processes_end(folder)
        else:
            assert demo.returncode in (0, 128 + signal.SIGINT, 128 + number), said
            assert "Traceback" not in said
            assert not running_processes(folder)
    finished = run("demo", "--days", "4", folder=folder)
    assert finished.returncode == 0, finished.stderr
    since_first = "extract(epoch from observed_at - (select min(observed_at) from amocrm.snapshot))"
    slot = f"round({since_first} / {LOAD_INTERVAL.total_seconds()})"
    slots = sql(folder, f"select {slot} from amocrm.snapshot where run_id is null order by observed_at")
    assert len(slots) >= 16
    assert slots == [str(number) for number in range(len(slots))], "none was lost, and none was made twice"


KILLED_MAKERS = """
import multiprocessing, pathlib, sys, time
import dagster
from assets.dagster_home import prepare_home

def make(home):
    dagster.DagsterInstance.from_config(str(prepare_home(home)))

for count, home in enumerate(map(pathlib.Path, sys.argv[1:]), start=1):
    maker = multiprocessing.get_context("fork").Process(target=make, args=(home,))
    maker.start()
    while len(list(home.parent.rglob("*.db"))) < count and maker.is_alive():
        time.sleep(0.001)
    maker.kill()
    maker.join()
"""
"""Kills a process that makes the first home when it has one database file, that of the second at two, and so on.

They are forks of one process, because importing Dagster takes seconds.
"""


def test_dagster_s_home_is_made_whole_or_not_at_all(folder: Path) -> None:
    """Killed while the storage is made: Dagster could not go on with one that lacks tables."""
    homes = [folder / str(file_count) / "dagster" for file_count in (1, 2, 3)]
    for home in homes:
        home.parent.mkdir()
    subprocess.run([sys.executable, "-c", KILLED_MAKERS, *homes], env=build_environment(), check=True)
    for home in homes:
        with dg.DagsterInstance.from_config(str(prepare_home(home))) as instance:
            assert list(instance.get_dynamic_partitions("accounts")) == []
            assert list(instance.get_runs()) == []
            assert list(instance.all_instigator_state()) == []


def wait_until_processes_end(folder: Path) -> None:
    """What a killed demo leaves behind ends by itself."""
    deadline = time.monotonic() + 30
    while running_processes(folder):
        assert time.monotonic() < deadline, running_processes(folder)
        time.sleep(0.05)


def test_an_outage_leaves_a_reported_gap(folder: Path, engine: Engine) -> None:
    started_at = datetime.now(UTC) - timedelta(days=50)
    home, config = DemoHome(folder), SimulationConfig(seed=1, started_at=started_at, mode="segments")
    before = started_at + timedelta(days=44, hours=20)
    moments = load_times(started_at, before, started_at + timedelta(days=48, hours=7))
    with simulated_account(home, config, before) as simulated:
        steps = list(simulate_loads(engine, simulated, moments))
    missed = [step.at for step in steps if step.loaded is None]
    assert missed, "the API was never out"
    with engine.connect() as connection:
        assert connection.execute(text("select distinct error from amocrm.load_failure")).all() == [("Unavailable",)]
    *_, gap = read_summary(engine, ACCOUNT_KEY, ENGLISH, days=10, change_count=5).gaps
    assert gap.until_at
    assert gap.after_at < missed[0] <= missed[-1] < gap.until_at
    sizes = [day.size for day in read_summary(engine, ACCOUNT_KEY, ENGLISH, days=5, change_count=0).segments[0].days]
    assert None in sizes, "the day without a load has no size"


def test_an_outage_of_this_moment_is_taken_as_over(folder: Path, engine: Engine) -> None:
    started_at = datetime.now(UTC) - timedelta(days=45, hours=12)
    home, config = DemoHome(folder), SimulationConfig(seed=1, started_at=started_at, mode="segments")
    with simulated_account(home, config, started_at + timedelta(days=45)) as simulated:
        assert simulated.simulation.is_outage_at(datetime.now(UTC))
        simulated.set_time_to_present()
        assert load_account(LoadContext(engine, simulated.account, simulated.settings)).published.is_new


def test_two_demos_do_not_meddle(folder: Path) -> None:
    home = DemoHome(folder / "data/demo/segments")
    home.folder.mkdir(parents=True)
    with home.exclusive_lock():
        result = run("demo", "--days", "1", folder=folder)
    assert result.returncode == 15
    assert "in use" in result.stderr


def test_psql_joins_a_server_that_runs(folder: Path) -> None:
    home = DemoHome(folder / "data/demo/segments")
    home.begin(SimulationConfig(seed=1, started_at=datetime.now(UTC), mode="segments"))
    with home.exclusive_lock(), database_url(home.settings) as url, psycopg.connect(url) as connection:
        port = sql(folder, "select current_setting('port')")
        assert port == [str(connection.info.port)]
    assert not running_processes(folder)
