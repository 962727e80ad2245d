"""The folder of an embedded server: its data, password and log. Made whole or not at all, and checked before use.

Starting and stopping the server is ``embedded``'s work.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from psycopg.sql import SQL, Literal

import sql
from pipelines.errors import DatabaseUnavailable
from pipelines.warehouse.binaries import Binaries
from pipelines.warehouse.server_user import OWN_UIDS, ServerUser, user_name

ROLE: Final = "warehouse"
DATABASE: Final = "warehouse"  # the one that sql/embedded_database.sql makes

SUPERUSER: Final = "postgres"

DATA: Final = "cluster"
ACCESS: Final = "pg_hba.conf"
PASSWORD: Final = "password"  # noqa: S105  # a file's name
LOG: Final = "postgres.log"

ACCESS_RULES: Final = "# Written at each start of the embedded server.\nhost all all 127.0.0.1/32 scram-sha-256\n"

LOG_SETTINGS: Final = {
    # A failing statement may hold a new role's password, so the log has the error and never the statement.
    "log_statement": "none",
    "log_min_error_statement": "panic",
}


def prepare_cluster(folder: Path, programs: Binaries, user: ServerUser, *, lock: int, is_durable: bool) -> None:
    """Leave a cluster in ``folder`` that ``programs`` can start as ``user``; every process this takes holds ``lock``.

    Raises ``DatabaseUnavailable``.
    """
    data = folder / DATA
    if not data.exists():
        _make_cluster(folder, programs, user, lock=lock, is_durable=is_durable)
    _check_owner(data, user.uid, user.maker.uid, *(OWN_UIDS if user.is_switched else ()))
    _give(data, user.uid, user)
    _write_access_rules(folder)
    version = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    if version != str(programs.major):
        raise DatabaseUnavailable(
            f"The data in {data} are of PostgreSQL {version}, and the programs here of PostgreSQL {programs.major}.",
            advice=f"Set AMOCRM_PG_BIN to the programs of PostgreSQL {version}, or AMOCRM_DATA_DIR to a new folder.",
        )
    if not (folder / PASSWORD).exists():
        raise DatabaseUnavailable(
            f"The password file {folder / PASSWORD} is missing, without which nobody can use the data beside it.",
            advice=f"Put it back from a backup, or move {data} away to start with an empty database.",
        )
    # The lock says that no server is left, so the file is stale even if its process number is in use again.
    (data / "postmaster.pid").unlink(missing_ok=True)


def check_folder(folder: Path) -> None:
    """Refuse a folder that another user made: neither could read what the other writes."""
    if folder.exists():
        _check_owner(folder.resolve(), os.geteuid())


def read_password(folder: Path) -> str:
    """The password of the only role; raises ``OSError`` where there is none yet."""
    return (folder / PASSWORD).read_text(encoding="ascii").strip()


class Postmaster(NamedTuple):
    """What a running server writes of itself."""

    pid: int
    port: int


def postmaster(folder: Path) -> Postmaster | None:
    """The server that runs in ``folder``, or None while there is none. After a crash this may be out of date."""
    try:
        lines = (folder / DATA / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        return Postmaster(pid=int(lines[0]), port=int(lines[3]))
    except (FileNotFoundError, IndexError, ValueError):
        return None


def open_log(folder: Path) -> int:
    """A new log file, as a file descriptor; the one before is kept beside it."""
    log = folder / LOG
    if log.exists():
        log.replace(log.with_name(f"{LOG}.1"))
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def not_started(folder: Path, output: str) -> DatabaseUnavailable:
    """What the output of PostgreSQL's programs says about why they failed."""
    if "No space left on device" in output:
        return _disk_full(folder)
    reasons = (
        re.findall(r"(?:FATAL|PANIC|ERROR|error): +(.+)", output) or output.strip().splitlines() or ["no reason given"]
    )
    return DatabaseUnavailable(
        f"The embedded PostgreSQL did not start: {reasons[-1]}.",
        advice=f"Read {folder / LOG}, or set DATABASE_URL to a server of your own.",
    )


@contextmanager
def folder_errors(folder: Path) -> Iterator[None]:
    """Turn what the system says about files and processes into an error of ours that names ``folder``."""
    try:
        yield
    except PermissionError as error:
        what = error.filename or "becoming another user"
        raise DatabaseUnavailable(
            f"The embedded PostgreSQL cannot keep its data in {folder}: {error.strerror} ({what}).",
            advice="Run as the user who owns that folder, or set AMOCRM_DATA_DIR to a folder of your own.",
        ) from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise _disk_full(folder) from error
        raise DatabaseUnavailable(
            f"The embedded PostgreSQL cannot keep its data in {folder}: {error.strerror}.",
            advice="Set AMOCRM_DATA_DIR to a folder on a local disk.",
        ) from error


def _make_cluster(folder: Path, programs: Binaries, user: ServerUser, *, lock: int, is_durable: bool) -> None:
    """``initdb`` in a folder beside, renamed when all is done: killed anywhere, the next run begins again."""
    unfinished = folder / f"{DATA}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        _fill_cluster(unfinished, programs, user, password=_new_password(folder), lock=lock, is_durable=is_durable)
        unfinished.rename(folder / DATA)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def give_up_superuser(folder: Path, programs: Binaries, user: ServerUser, *, lock: int) -> None:
    """Make the role of the warehouse an ordinary one, which it was not in clusters of earlier versions.

    The server must not run. Killed anywhere, it is done again at the next start.
    """
    data = folder / DATA
    as_superuser = partial(run_as_superuser, data, programs, user, lock=lock)
    with owned_by_maker(data, user):
        as_superuser(_roles(read_password(folder)))
        for database in re.findall(r'datname = "(.*?)"\t', as_superuser(sql.read("embedded_databases"))):
            as_superuser(sql.read("embedded_owner") + sql.read("embedded_public"), database=database)
        as_superuser(sql.read("embedded_done"))


def run_as_superuser(
    data: Path, programs: Binaries, user: ServerUser, text: str, *, lock: int, database: str = "postgres"
) -> str:
    """Execute statements in single-user mode, each ending with ';' and an empty line; what the server prints.

    It is the only way to the superuser, who has no password.
    """
    quiet = [part for name, value in LOG_SETTINGS.items() for part in ("-c", f"{name}={value}")]
    command: list[str | Path] = [programs.postgres, "--single", "-j", *quiet, "-D", data, database]
    return _run(command, data.parent, user, keep=(lock,), text=text)


def _fill_cluster(
    data: Path, programs: Binaries, user: ServerUser, *, password: str, lock: int, is_durable: bool
) -> None:
    data.mkdir(mode=0o700)
    locale = ["--locale=C.UTF-8"]
    if programs.major >= 17:
        # Lower case of Cyrillic without depending on the machine's locales.
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    extra = [] if is_durable else ["--no-sync"]
    initdb: list[str | Path] = [programs.initdb, "-D", data, "-U", SUPERUSER, "--encoding=UTF8"]
    # No password for the superuser: nobody logs in as it. Who may log in, and how, says ACCESS_RULES.
    initdb += ["--auth=reject", "--no-instructions", *locale, *extra]
    text = "".join((_roles(password), sql.read("embedded_database"), sql.read("embedded_done")))
    with owned_by_maker(data, user):
        _run(initdb, data.parent, user, keep=(lock,))
        run_as_superuser(data, programs, user, text, lock=lock)
        run_as_superuser(data, programs, user, sql.read("embedded_public"), lock=lock, database=DATABASE)


def _roles(password: str) -> str:
    setting = SQL("set amocrm.password = {};\n\n").format(Literal(password)).as_string()
    return setting + sql.read("embedded_roles")


def _write_access_rules(folder: Path) -> None:
    """Write the server's pg_hba.conf beside the data: the server's user can read it, and not change it."""
    file = folder / ACCESS
    unfinished = file.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as opened:
        os.fchmod(opened.fileno(), 0o644 if os.geteuid() == 0 else 0o600)
        opened.write(ACCESS_RULES)
    unfinished.replace(file)


@contextmanager
def owned_by_maker(data: Path, user: ServerUser) -> Iterator[None]:
    """Let the user that makes clusters own the data until the context ends."""
    _give(data, user.maker.uid, user)
    yield
    _give(data, user.uid, user)


def _give(data: Path, uid: int, user: ServerUser) -> None:
    """Make the data this user's, if they are another's; links are not followed."""
    if not user.is_switched or data.stat().st_uid == uid:
        return
    for _, folders, files, at in os.fwalk(data):
        for name in (*folders, *files):
            os.chown(name, uid, user.gid, dir_fd=at, follow_symlinks=False)
    os.chown(data, uid, user.gid)  # last: a run killed before has the rest done again


def _run(command: list[str | Path], folder: Path, user: ServerUser, *, keep: tuple[int, ...], text: str = "") -> str:
    """Run one of PostgreSQL's programs to its end; its output. ``keep`` are the file descriptors it inherits."""
    done = subprocess.run(
        command,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd="/",
        env=server_environment(),
        pass_fds=keep,
        start_new_session=True,
        **user.maker.process,
    )
    # The server in single-user mode ends well even when its statement did not.
    if done.returncode != 0 or re.search(r"^(?:\S+ )*?(?:ERROR|FATAL|PANIC):", done.stdout, re.MULTILINE):
        raise not_started(folder, done.stdout)
    return done.stdout


def server_environment() -> dict[str, str]:
    """What the server's processes may see of ours: no settings, since those hold secrets, and no ``PG*`` defaults."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C", "TZ": "UTC"}


def _new_password(folder: Path) -> str:
    """Make the password file, or use the one that a run killed in the middle has left."""
    file = folder / PASSWORD
    if not file.exists():
        unfinished = file.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600)
        unfinished.write_text(secrets.token_urlsafe(24), encoding="ascii")
        unfinished.rename(file)
    return read_password(folder)


def _check_owner(folder: Path, *uids: int) -> None:
    owner = folder.stat().st_uid
    if owner not in uids:
        raise DatabaseUnavailable(
            f"The folder {folder} belongs to the user '{user_name(owner)}', not to '{user_name(uids[0])}'.",
            advice="Run as the user who ran this first, or set AMOCRM_DATA_DIR to a folder of your own.",
        )


def _disk_full(folder: Path) -> DatabaseUnavailable:
    return DatabaseUnavailable(
        f"The disk that holds {folder} is full, so the embedded PostgreSQL cannot run.",
        advice="Make some room on it, or set AMOCRM_DATA_DIR to a folder on another disk; what is stored is intact.",
    )
