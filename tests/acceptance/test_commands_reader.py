"""``reader``: create the role, print usable lines, report missing rights."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from pipelines.base.errors import DatabaseError, SettingsError
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.reader_logins import unlimited_logins
from pipelines.warehouse.wide_view_names import read_wide_view_names
from pipelines.warehouse.wide_views import update_wide_view
from tests.command_line import run
from tests.records import ACCOUNT_ID
from tests.sample_history import publish_history


@pytest.fixture
def history_url(postgres_url: str) -> str:
    engine = open_engine(postgres_url)
    publish_history(engine)
    engine.dispose()
    return postgres_url


def test_what_is_printed_makes_a_login_that_reads_the_account(tmp_path: Path, history_url: str) -> None:
    assert run("reader", folder=tmp_path, DATABASE_URL=history_url).returncode == 0
    told = run("reader", "--account", "main", folder=tmp_path, DATABASE_URL=history_url)
    assert told.returncode == 0, told.stderr
    lines = [line.strip() for line in told.stdout.splitlines() if line.startswith("    ")]
    with psycopg.connect(history_url, autocommit=True) as admin:
        for line in lines:
            admin.execute(line.encode())
        try:
            assert unlimited(history_url) == []
            admin.execute("set session authorization somebody")
            assert admin.execute("select distinct account_id from analytics.segments").fetchall() == [(ACCOUNT_ID,)]
            admin.execute("reset session authorization")
        finally:
            admin.execute("drop role somebody")


def unlimited(url: str) -> list[str]:
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            return [one.login for one in unlimited_logins(connection)]
    finally:
        engine.dispose()


def test_a_login_is_made_with_limits_and_its_password_is_printed_once(tmp_path: Path, history_url: str) -> None:
    address = make_url(history_url)
    with psycopg.connect(history_url, autocommit=True) as admin:
        try:
            passwords = []
            for _ in range(2):
                told = run("reader", "--login", "acme_bi", folder=tmp_path, DATABASE_URL=history_url)
                assert told.returncode == 0, told.stderr
                passwords.append(told.stdout.splitlines()[-1])
            assert passwords[0] != passwords[1]
            place = {"host": address.host, "port": address.port, "dbname": address.database, "user": "acme_bi"}
            with psycopg.connect(**place, password=passwords[1]) as reader:  # type: ignore[arg-type]
                assert reader.execute("select distinct account_id from analytics.segments").fetchall() == [
                    (ACCOUNT_ID,)
                ]
                assert reader.execute("show idle_in_transaction_session_timeout").fetchone() == ("1min",)
            assert admin.execute("select rolconnlimit from pg_roles where rolname = 'acme_bi'").fetchone() == (10,)
            assert unlimited(history_url) == []
        finally:
            admin.execute("drop role if exists acme_bi")


def test_a_login_of_another_purpose_gets_no_new_password(tmp_path: Path, history_url: str) -> None:
    for name in ("amocrm_loader", str(make_url(history_url).username)):
        told = run("reader", "--login", name, folder=tmp_path, DATABASE_URL=history_url)
        assert told.returncode == DatabaseError.exit_code
        assert f"A role '{name}' already exists" in told.stderr


def test_who_may_not_make_roles_is_told(tmp_path: Path, history_url: str) -> None:
    with psycopg.connect(history_url, autocommit=True) as admin:
        admin.execute("create role humble login password 'made up' in role amocrm_loader")
        address = admin.info
        url = f"postgresql://humble:made%20up@{address.host}:{address.port}/{address.dbname}"
        try:
            told = run("reader", folder=tmp_path, DATABASE_URL=url)
        finally:
            admin.execute("drop role humble")
    assert told.returncode == DatabaseError.exit_code
    assert "may not create roles" in told.stderr
    assert "CREATEROLE" in told.stderr


def test_wide_views_are_removed_only_after_a_confirmation(tmp_path: Path, history_url: str) -> None:
    engine = open_engine(history_url)
    assert update_wide_view(engine, ACCOUNT_ID)
    [view] = read_wide_view_names(engine)
    refused = run("reader", folder=tmp_path, DATABASE_URL=history_url)
    assert refused.returncode == SettingsError.exit_code
    assert f"{view}. Nothing was changed. Add --yes to remove them." in refused.stderr
    assert read_wide_view_names(engine) == [view]
    removed = run("reader", "--yes", folder=tmp_path, DATABASE_URL=history_url)
    assert (removed.returncode, f"Removed {view}: " in removed.stderr) == (0, True)
    assert read_wide_view_names(engine) == []
    assert "Removed" not in run("reader", folder=tmp_path, DATABASE_URL=history_url).stderr
    engine.dispose()
