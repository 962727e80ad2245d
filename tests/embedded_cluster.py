"""Folders of embedded servers: of this version and of the released one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psycopg

from pipelines.embedded_postgres import cluster, system_user
from pipelines.embedded_postgres.binaries import find_binaries
from pipelines.embedded_postgres.server import EmbeddedServer
from pipelines.embedded_postgres.system_user import ProcessUser
from tests.conftest import pg_bin

IS_ROOT = os.geteuid() == 0


def ask(server: EmbeddedServer, query: str) -> list[tuple[object, ...]]:
    """Execute a statement and return its rows."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchall() if cursor.description else []


def released(root: Path) -> None:
    """A folder as versions before made it: the role of the warehouse is the superuser, root's server runs as nobody."""
    user = ProcessUser(user=65534, group=65534, extra_groups=[]) if IS_ROOT else ProcessUser()
    programs = find_binaries(pg_bin(), system_user.server_user())
    root.mkdir()
    root.chmod(0o711)
    (root / cluster.PASSWORD_FILE).write_text("released-password\n")
    (root / cluster.PASSWORD_FILE).chmod(0o600)
    data, given = root / cluster.DATA_FOLDER, root / "given"
    data.mkdir(mode=0o700)
    given.write_text("released-password\n")
    if IS_ROOT:
        os.chown(data, 65534, 65534)
        os.chown(given, 65534, 65534)
    initdb: list[str | Path] = [
        programs.initdb,
        "-D",
        data,
        "-U",
        "warehouse",
        f"--pwfile={given}",
        "--auth=scram-sha-256",
        "--no-sync",
    ]
    subprocess.run([*initdb, "--encoding=UTF8", "--locale=C"], check=True, capture_output=True, cwd="/", **user)
    given.unlink()
    # What is made in single-user mode has the low numbers of the system's own objects otherwise.
    subprocess.run(
        [programs.folder / "pg_resetwal", "-o", "20000", "-D", data], check=True, capture_output=True, cwd="/", **user
    )
    for database, statements in (
        ("postgres", "create database warehouse;\ncreate database other;\n"),
        ("other", "create table public.kept as select 2 as two;\n"),
        (
            "warehouse",
            "create schema amocrm;\ncreate table amocrm.kept (id bigint generated always as identity, n serial);\n"
            "insert into amocrm.kept default values;\ncreate view amocrm.seen as select * from amocrm.kept;\n"
            "create function amocrm.f() returns int language sql as 'select 1';\n"
            "create type amocrm.mood as enum ('a');\n"
            "create role amocrm_reader nologin;\ncreate role bi login in role amocrm_reader;\n"
            "grant select on amocrm.kept to amocrm_reader;\nselect lo_create(4711);\n"
            "alter default privileges in schema amocrm grant select on tables to amocrm_reader;\n",
        ),
    ):
        single: list[str | Path] = [programs.postgres, "--single", "-D", data, database]
        done = subprocess.run(single, input=statements, check=True, capture_output=True, text=True, cwd="/", **user)
        assert "ERROR" not in done.stderr + done.stdout, done.stderr
