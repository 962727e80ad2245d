"""``reader``: the role is made, what it prints can be pasted, and who may not make roles is told."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from pipelines.errors import DatabaseError
from pipelines.warehouse.engine import open_engine
from tests.command_line import run
from tests.known_world import publish_history
from tests.records import ACCOUNT_ID


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
    line = told.stdout.splitlines()[-1].strip()
    with psycopg.connect(history_url, autocommit=True) as admin:
        admin.execute(line.encode())
        try:
            admin.execute("set session authorization somebody")
            assert admin.execute("select distinct account_id from analytics.segments").fetchall() == [(ACCOUNT_ID,)]
            admin.execute("reset session authorization")
        finally:
            admin.execute("drop role somebody")


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
    assert "may not make roles" in told.stderr
    assert "CREATEROLE" in told.stderr
