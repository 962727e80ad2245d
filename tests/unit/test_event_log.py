"""The event log of a home: Dagster's default one reads and continues its files, and the other way round."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Event

import dagster as dg
import pytest
from sqlalchemy import TextClause, text

from assets import event_log
from assets.dagster_home import prepare_home
from assets.event_log import PooledSqliteEventLog

TABLE = dg.AssetKey("table")


def store_event(home: Path) -> tuple[bool, int]:
    """Store an event; return whether our class stored it, and how many events there are."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization(TABLE))
        records = instance.fetch_materializations(TABLE, limit=9).records
        return isinstance(instance.event_log_storage, PooledSqliteEventLog), len(records)


def revision(file: Path) -> object:
    """Alembic's revision of a file."""
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("select version_num from alembic_version").fetchall()


def test_the_default_event_log_of_dagster_continues_our_files_and_ours_its_files(tmp_path: Path) -> None:
    home = prepare_home(tmp_path / "dagster")
    assert store_event(home) == (True, 1)
    index, of_run = sorted((home / "history" / "runs").glob("*.db"), key=lambda file: file.name != "index.db")
    assert revision(of_run) == revision(index)
    (home / "dagster.yaml").rename(home / "ours.yaml")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    assert store_event(home) == (False, 2)
    (home / "ours.yaml").replace(home / "dagster.yaml")
    assert store_event(home) == (True, 3)


def test_a_file_whose_creation_is_interrupted_stays_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the table of revisions but without its row, alembic could not migrate it."""
    home = prepare_home(tmp_path / "dagster")
    store_event(home)

    def interrupt(statement: str) -> TextClause:
        if statement.startswith("insert into alembic_version"):
            raise KeyboardInterrupt
        return text(statement)

    with dg.DagsterInstance.from_config(str(home)) as instance:
        monkeypatch.setattr(event_log, "text", interrupt)
        with pytest.raises(KeyboardInterrupt):
            instance.report_engine_event("first", job_name="job", run_id="run")
    with closing(sqlite3.connect(home / "history" / "runs" / "run.db")) as connection:
        assert connection.execute("select name from sqlite_master").fetchall() == []


def test_a_run_is_watched_while_another_process_writes_it(tmp_path: Path) -> None:
    home = str(prepare_home(tmp_path / "dagster"))
    seen = Event()
    with dg.DagsterInstance.from_config(home) as reader, dg.DagsterInstance.from_config(home) as writer:
        writer.report_engine_event("first", job_name="job", run_id="run")
        reader.watch_event_logs("run", None, lambda entry, _: seen.set() if "second" in entry.message else None)
        writer.report_engine_event("second", job_name="job", run_id="run")
        assert seen.wait(timeout=60)
