"""The embedded server across processes: start, join, end, and errors."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from pipelines.base.errors import DatabaseUnavailable
from pipelines.embedded_postgres import cluster
from pipelines.embedded_postgres import server as server_module
from pipelines.embedded_postgres.server import embedded_postgres
from tests.conftest import pg_bin, shared_temporary_folder
from tests.embedded_cluster import IS_ROOT, ask

PROJECT = Path(__file__).parents[2]

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
