"""SIGTERM in each phase of a load: the exit code says what is stored."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from emulator import Emulator, effects
from emulator.routes import PATHS
from tests.acceptance.test_commands_sync import fleet
from tests.command_line import build_environment, command_line, run

INTERRUPTED = 128 + signal.SIGTERM


@contextmanager
def begun_sync(folder: Path, variables: dict[str, str], *options: str) -> Iterator[subprocess.Popen[str]]:
    """A running ``sync --all``."""
    process = subprocess.Popen(
        command_line("sync", "--all", *options),
        cwd=folder,
        env=build_environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(condition: object) -> None:
    """Wait for a condition."""
    end = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("resource", ["account", "segments", "fields"])
def test_before_publishing_it_stops_at_once_and_stores_nothing(
    tmp_path: Path, postgres_url: str, emulator: Emulator, resource: str
) -> None:
    variables, _ = fleet(tmp_path, emulator, 1)
    emulator.faults.add(effects.drip(0.2, 1, is_head_too=True), resource=resource)
    with (
        psycopg.connect(postgres_url, autocommit=True) as database,
        begun_sync(tmp_path, variables | {"DATABASE_URL": postgres_url}) as process,
    ):
        path = {"account": "/account", "segments": "/segments", "fields": "/custom_fields"}[resource]
        until(lambda: any(request.path.endswith(path) for request in emulator.requests))
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors.endswith("Interrupted.\n")) == (INTERRUPTED, True)
        assert time.monotonic() - began < 20, "the response would have taken minutes"
        assert database.execute("select count(*) from amocrm.snapshot").fetchone() == (0,)


@pytest.mark.parametrize(
    ("table", "code"),
    [("raw_answer", INTERRUPTED), ("account", 0), ("snapshot", 0), ("newest_answers", 0)],
)
def test_once_it_publishes_it_finishes_and_ends_with_success(
    tmp_path: Path, postgres_url: str, emulator: Emulator, table: str, code: int
) -> None:
    """The signal comes while a statement before, in or behind the publishing transaction waits for a table."""
    variables, _ = fleet(tmp_path, emulator, 1)
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    with (
        psycopg.connect(postgres_url) as blocker,
        psycopg.connect(postgres_url, autocommit=True) as database,
        begun_sync(tmp_path, variables | {"DATABASE_URL": postgres_url}) as process,
    ):
        blocker.execute(f"lock table amocrm.{table} in exclusive mode".encode())
        until(lambda: database.execute(waiting).fetchone() == (1,))
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)  # long enough for the signal to arrive
        blocker.rollback()
        process.communicate(timeout=60)
        stored = database.execute("select count(*) from amocrm.snapshot").fetchone()
        assert (process.returncode, stored) == (code, (int(code == 0),))


def test_workers_finish_what_they_publish(tmp_path: Path, postgres_url: str, emulator: Emulator) -> None:
    """The signal goes to all processes, as a terminal and systemd send it; twelve of twenty accounts still wait."""
    variables, _ = fleet(tmp_path, emulator, 20)
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    with (
        psycopg.connect(postgres_url) as blocker,
        psycopg.connect(postgres_url, autocommit=True) as database,
        begun_sync(tmp_path, variables | {"DATABASE_URL": postgres_url, "AMOCRM_THREADS": "8"}) as process,
    ):
        blocker.execute("lock table amocrm.account in exclusive mode")
        until(lambda: database.execute(waiting).fetchone() == (8,))
        os.killpg(process.pid, signal.SIGTERM)
        time.sleep(0.3)  # long enough for the signal to arrive
        blocker.rollback()
        _, errors = process.communicate(timeout=60)
        stored = database.execute("select count(*) from amocrm.snapshot").fetchone()
    assert (process.returncode, stored) == (INTERRUPTED, (8,))
    assert "8 of 20 accounts loaded; 12 accounts left. Run the same command to load them." in errors
    assert "Traceback" not in errors


def test_a_scan_that_was_interrupted_says_so_and_goes_on(tmp_path: Path, postgres_url: str, emulator: Emulator) -> None:
    variables, ids = fleet(tmp_path, emulator, 1)
    variables["DATABASE_URL"] = postgres_url
    settings = tmp_path / "accounts.toml"
    settings.write_text(f'{settings.read_text(encoding="utf-8")}\ncustomers = "daily"\n', encoding="utf-8")
    [account_id] = ids.values()
    emulator.world.add_customers(account_id, 300)
    silence = emulator.faults.add(effects.silence(), resource="customers", page=2)
    for number in (signal.SIGTERM, signal.SIGINT):
        hits = silence.hits
        with begun_sync(tmp_path, variables, "--customers") as process:
            until(lambda before=hits: silence.hits > before or process.poll() is not None)
            process.send_signal(number)
            output, errors = process.communicate(timeout=60)
        assert process.returncode == 128 + number, errors
        assert "The scan was interrupted. Within an hour, the same command goes on from its last page." in errors
        assert "Traceback" not in output + errors
    emulator.faults.clear()
    emulator.requests.clear()
    finished = run("sync", "--all", "--customers", folder=tmp_path, **variables)
    assert finished.returncode == 0, finished.stderr
    assert "300 customers" in finished.stdout
    assert [one.page for one in emulator.requests if one.path == PATHS["customers"]] == [2]
