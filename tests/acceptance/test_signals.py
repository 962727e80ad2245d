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
from tests.acceptance.test_commands_sync import fleet
from tests.command_line import build_environment, command_line

INTERRUPTED = 128 + signal.SIGTERM


@contextmanager
def begun_sync(folder: Path, variables: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A running ``sync --all``."""
    process = subprocess.Popen(
        command_line("sync", "--all"),
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
