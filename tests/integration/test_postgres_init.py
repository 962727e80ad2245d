"""``deploy/postgres-init.sh``: two databases whose roles cannot reach each other."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL

from pipelines.embedded_postgres.binaries import find_binaries
from pipelines.embedded_postgres.cluster import owned_by_creator
from pipelines.embedded_postgres.system_user import server_user
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import migrate
from pipelines.warehouse.readers import create_account_reader
from tests.command_line import ROOT
from tests.conftest import pg_bin, shared_temporary_folder

PASSWORDS = {"WAREHOUSE_PASSWORD": "canary-'warehouse'", "DAGSTER_PASSWORD": "canary-dagster"}


@pytest.fixture(scope="module")
def server() -> Iterator[URL]:
    """A server as the postgres image makes it, since roles belong to the whole server; the script ran there."""
    user = server_user()
    programs = find_binaries(pg_bin(), user).folder
    with shared_temporary_folder() as folder:
        password, data, sockets = folder / "password", folder / "data", folder / "sockets"
        password.write_text("canary-postgres", encoding="utf-8")
        for made in (data, sockets):
            made.mkdir(mode=0o700)
        if user.is_other_user:
            os.chown(password, user.creator.uid, user.gid)
            os.chown(sockets, user.uid, user.gid)
        initdb: list[str | Path] = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "scram-sha-256",
            f"--pwfile={password}",
            "-N",
        ]
        with owned_by_creator(data, user):
            subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **user.creator.process)
        options = f"-F -k {sockets} -c listen_addresses=''"
        control: list[str | Path] = [programs / "pg_ctl", "-D", data, "-w", "-l", sockets / "log"]
        subprocess.run(
            [*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL, cwd=folder, **user.process
        )
        try:
            variables = PASSWORDS | {
                "PATH": f"{programs}:{os.environ['PATH']}",
                "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
                "POSTGRES_USER": "postgres",
                "PGPASSWORD": "canary-postgres",
                "PGHOST": str(sockets),
            }
            script: list[str | Path] = ["/bin/sh", ROOT / "deploy/postgres-init.sh"]
            done = subprocess.run(script, env=variables, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            yield URL.create(
                "postgresql", "postgres", "canary-postgres", database="postgres", query={"host": str(sockets)}
            )
        finally:
            subprocess.run(
                [*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd=folder, **user.process
            )


def as_user(server: URL, user: str, database: str, password: str = "") -> psycopg.Connection:
    url = server.set(drivername="postgresql", username=user, password=password or None, database=database)
    return psycopg.connect(url.render_as_string(hide_password=False), connect_timeout=10)


@pytest.mark.parametrize(
    ("user", "database", "may_connect"),
    [
        ("warehouse", "warehouse", True),
        ("dagster", "dagster", True),
        ("dagster", "warehouse", False),
        ("dagster", "postgres", False),
        ("dagster", "template1", False),
        ("warehouse", "dagster", False),
        ("warehouse", "postgres", False),
        ("warehouse", "template1", False),
    ],
)
def test_each_role_reaches_its_own_database_alone(server: URL, user: str, database: str, may_connect: bool) -> None:
    password = PASSWORDS[f"{user.upper()}_PASSWORD"]
    if may_connect:
        as_user(server, user, database, password).close()
    else:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            as_user(server, user, database, password)


def test_readers_reach_the_warehouse_alone(server: URL) -> None:
    owner = server.set(username="warehouse", password=PASSWORDS["WAREHOUSE_PASSWORD"], database="warehouse")
    engine = open_engine(owner.set(drivername="postgresql").render_as_string(hide_password=False))
    migrate(engine)
    reader = create_account_reader(engine, 1001)
    engine.dispose()
    with as_user(server, server.username or "", "warehouse", server.password or "") as admin:
        admin.execute(f"create role one login password 'made-up' in role {reader}")
        admin.execute("create role all_of_them login password 'made-up' in role amocrm_reader")
        admin.execute("create role stranger login password 'made-up'")
    for login in ("one", "all_of_them"):
        with as_user(server, login, "warehouse", "made-up") as connection:
            assert connection.execute("select * from analytics.segments").fetchall() == []
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            as_user(server, login, "dagster", "made-up")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        as_user(server, "stranger", "warehouse", "made-up")


def test_no_password_is_an_argument() -> None:
    script = (ROOT / "deploy/postgres-init.sh").read_text(encoding="utf-8")
    assert "$WAREHOUSE_PASSWORD" not in script
    assert "$DAGSTER_PASSWORD" not in script
