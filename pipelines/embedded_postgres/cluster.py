"""Folder of an embedded server: data, password and log.

Created atomically and checked before use.
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
from pipelines.base.atomic_file import replace_file
from pipelines.base.errors import DatabaseUnavailable
from pipelines.embedded_postgres.binaries import Binaries
from pipelines.embedded_postgres.system_user import OWN_UIDS, ServerUser, user_name

ROLE: Final = "warehouse"
DATABASE: Final = "warehouse"  # created by sql/embedded/database.sql

SUPERUSER: Final = "postgres"

DATA_FOLDER: Final = "cluster"
ACCESS: Final = "pg_hba.conf"
PASSWORD_FILE: Final = "password"  # noqa: S105  # a file's name
LOG_FILE: Final = "postgres.log"

ACCESS_RULES: Final = "# Written at each start of the embedded server.\nhost all all 127.0.0.1/32 scram-sha-256\n"

LOG_SETTINGS: Final = {
    # A failing statement may hold a new role's password: log the error without the statement.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    # Details of an error quote the row.
    "log_error_verbosity": "terse",
}


def prepare_cluster(folder: Path, programs: Binaries, user: ServerUser, *, lock: int, is_durable: bool) -> None:
    """Create or check a cluster in ``folder`` for ``programs`` and ``user``; child processes hold ``lock``.

    Raises ``DatabaseUnavailable``.
    """
    data = folder / DATA_FOLDER
    if not data.exists():
        _make_cluster(folder, programs, user, lock=lock, is_durable=is_durable)
    _require_owner(data, user.uid, user.creator.uid, *(OWN_UIDS if user.is_other_user else ()))
    _give(data, user.uid, user)
    _write_access_rules(folder)
    version = (data / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()[:20]
    if version != str(programs.major):
        raise DatabaseUnavailable(
            f"The data in {data} belong to PostgreSQL {version}, but the programs are PostgreSQL {programs.major}.",
            advice=f"Set AMOCRM_PG_BIN to the programs of PostgreSQL {version}, or AMOCRM_DATA_DIR to a new folder.",
        )
    if not (folder / PASSWORD_FILE).exists():
        raise DatabaseUnavailable(
            f"The password file {folder / PASSWORD_FILE} is missing, and the data beside it cannot be used without it.",
            advice=f"Restore it from a backup, or move {data} away to start with an empty database.",
        )
    # This process holds the lock, so no server runs and the file is stale, even if its pid is in use again.
    (data / "postmaster.pid").unlink(missing_ok=True)


def require_own_folder(folder: Path) -> None:
    """Raise ``DatabaseUnavailable`` if another user owns the folder."""
    if folder.exists():
        _require_owner(folder.resolve(), os.geteuid())


def read_password(folder: Path) -> str:
    """Read the password of the only role. Raises ``OSError`` if there is none yet."""
    return (folder / PASSWORD_FILE).read_text(encoding="utf-8", errors="replace").strip()


class Postmaster(NamedTuple):
    """Process id and port that a running server writes to its data folder."""

    pid: int
    port: int


def read_postmaster(folder: Path) -> Postmaster | None:
    """Read the running server's process id and port, or None. Stale after a crash."""
    try:
        lines = (folder / DATA_FOLDER / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        return Postmaster(pid=int(lines[0]), port=int(lines[3]))
    except (FileNotFoundError, IndexError, ValueError):
        return None


def open_log(folder: Path) -> int:
    """Open a new log file and return its descriptor; the previous one is renamed."""
    log = folder / LOG_FILE
    if log.exists():
        log.replace(log.with_name(f"{LOG_FILE}.1"))
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def start_error(folder: Path, output: str) -> DatabaseUnavailable:
    """Build the error for a failed start from the output of PostgreSQL's programs."""
    if "No space left on device" in output:
        return _disk_full_error(folder)
    reasons = (
        re.findall(r"(?:FATAL|PANIC|ERROR|error): +(.+)", output) or output.strip().splitlines() or ["no reason given"]
    )
    return DatabaseUnavailable(
        f"The embedded PostgreSQL did not start: {reasons[-1]}.",
        advice=f"Read {folder / LOG_FILE}, or set DATABASE_URL to another server.",
    )


@contextmanager
def folder_errors(folder: Path) -> Iterator[None]:
    """Turn OS errors on files and processes into ``DatabaseUnavailable`` that names ``folder``."""
    try:
        yield
    except PermissionError as error:
        subject = error.filename or "switching to another user"
        raise DatabaseUnavailable(
            f"The embedded PostgreSQL cannot store its data in {folder}: {error.strerror} ({subject}).",
            advice="Run as the user who owns that folder, or set AMOCRM_DATA_DIR to another folder.",
        ) from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise _disk_full_error(folder) from error
        raise DatabaseUnavailable(
            f"The embedded PostgreSQL cannot store its data in {folder}: {error.strerror}"
            f"{f' ({error.filename})' if error.filename else ''}.",
            advice="Move away what stands there, or set AMOCRM_DATA_DIR to a folder on a local disk.",
        ) from error


def _make_cluster(folder: Path, programs: Binaries, user: ServerUser, *, lock: int, is_durable: bool) -> None:
    """Run ``initdb`` in a temporary folder and rename it at the end, so that a killed run can be repeated."""
    temporary = folder / f"{DATA_FOLDER}.unfinished"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        _run_initdb(temporary, programs, user, password=_create_password(folder), lock=lock, is_durable=is_durable)
        temporary.rename(folder / DATA_FOLDER)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def give_up_superuser(folder: Path, programs: Binaries, user: ServerUser, *, lock: int) -> None:
    """Make the warehouse's role an ordinary one; in clusters of earlier versions it is a superuser.

    The server must not run. If killed, the next start repeats it.
    """
    data = folder / DATA_FOLDER
    as_superuser = partial(run_as_superuser, data, programs, user, lock=lock)
    with owned_by_creator(data, user):
        as_superuser(_roles(read_password(folder)))
        for database in re.findall(r'datname = "(.*?)"\t', as_superuser(sql.read("embedded/databases"))):
            as_superuser(sql.read("embedded/owner") + sql.read("embedded/revoke_public"), database=database)
        as_superuser(sql.read("embedded/revoke_superuser"))


def run_as_superuser(
    data: Path, programs: Binaries, user: ServerUser, text: str, *, lock: int, database: str = "postgres"
) -> str:
    """Run statements in single-user mode and return the output.

    Each ends with ';' and an empty line. The superuser has no password, so this is its only access.
    """
    quiet = [part for name, value in LOG_SETTINGS.items() for part in ("-c", f"{name}={value}")]
    command: list[str | Path] = [programs.postgres, "--single", "-j", *quiet, "-D", data, database]
    return _run_program(command, data.parent, user, inherited=(lock,), text=text)


def _run_initdb(
    data: Path, programs: Binaries, user: ServerUser, *, password: str, lock: int, is_durable: bool
) -> None:
    """Create a cluster in ``data`` with the warehouse's role and database.

    ``lock`` is the descriptor of the folder's lock, which the programs inherit and so keep.
    """
    data.mkdir(mode=0o700)
    locale = ["--locale=C.UTF-8"]
    if programs.major >= 17:
        # Lower-cases Cyrillic independently of the machine's locales.
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    extra = [] if is_durable else ["--no-sync"]
    initdb: list[str | Path] = [programs.initdb, "-D", data, "-U", SUPERUSER, "--encoding=UTF8"]
    # No password and no login for the superuser: see ACCESS_RULES.
    initdb += ["--auth=reject", "--no-instructions", *locale, *extra]
    text = "".join((_roles(password), sql.read("embedded/database"), sql.read("embedded/revoke_superuser")))
    with owned_by_creator(data, user):
        _run_program(initdb, data.parent, user, inherited=(lock,))
        run_as_superuser(data, programs, user, text, lock=lock)
        run_as_superuser(data, programs, user, sql.read("embedded/revoke_public"), lock=lock, database=DATABASE)


def _roles(password: str) -> str:
    """Return the statements that create the roles with this password."""
    setting = SQL("set amocrm.password = {};\n\n").format(Literal(password)).as_string()
    return setting + sql.read("embedded/roles")


def _write_access_rules(folder: Path) -> None:
    """Write pg_hba.conf beside the data, where the server's user can read but not change it."""
    file = folder / ACCESS
    replace_file(file, ACCESS_RULES.encode("ascii"))
    if os.geteuid() == 0:
        file.chmod(0o644)


@contextmanager
def owned_by_creator(data: Path, user: ServerUser) -> Iterator[None]:
    """Let the user that creates clusters own the data inside the block."""
    _give(data, user.creator.uid, user)
    yield
    _give(data, user.uid, user)


def _give(data: Path, uid: int, user: ServerUser) -> None:
    """Change the owner of the data if needed, without following links."""
    if not user.is_other_user or data.stat().st_uid == uid:
        return
    for _, folders, files, at in os.fwalk(data):
        for name in (*folders, *files):
            os.chown(name, uid, user.gid, dir_fd=at, follow_symlinks=False)
    os.chown(data, uid, user.gid)  # last, so that a killed run is repeated


def _run_program(
    command: list[str | Path], folder: Path, user: ServerUser, *, inherited: tuple[int, ...], text: str = ""
) -> str:
    """Run one of PostgreSQL's programs and return its output; it inherits the descriptors ``inherited``."""
    completed = subprocess.run(
        command,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd="/",
        env=server_environment(),
        pass_fds=inherited,
        start_new_session=True,
        **user.creator.process,
    )
    # In single-user mode the server exits with 0 even if a statement failed.
    if completed.returncode != 0 or re.search(r"^(?:\S+ )*?(?:ERROR|FATAL|PANIC):", completed.stdout, re.MULTILINE):
        raise start_error(folder, completed.stdout)
    return completed.stdout


def server_environment() -> dict[str, str]:
    """Return the environment of the server's processes: no settings, since those hold secrets, no ``PG*``."""
    inherited_variables = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
    return {name: os.environ[name] for name in inherited_variables if name in os.environ} | {"LC_ALL": "C", "TZ": "UTC"}


def _create_password(folder: Path) -> str:
    """Create the password file, or read the one that a killed run has left."""
    file = folder / PASSWORD_FILE
    if not file.exists():
        replace_file(file, secrets.token_urlsafe(24).encode("ascii"))
    return read_password(folder)


def _require_owner(folder: Path, *uids: int) -> None:
    """Raise ``DatabaseUnavailable`` unless one of ``uids`` owns the folder."""
    owner = folder.stat().st_uid
    if owner not in uids:
        raise DatabaseUnavailable(
            f"The folder {folder} belongs to the user '{user_name(owner)}', not to '{user_name(uids[0])}'.",
            advice="Run as the user who ran this first, or set AMOCRM_DATA_DIR to another folder.",
        )


def _disk_full_error(folder: Path) -> DatabaseUnavailable:
    """Build the error for a full disk."""
    return DatabaseUnavailable(
        f"The disk that holds {folder} is full, so the embedded PostgreSQL cannot run.",
        advice="Free some space, or set AMOCRM_DATA_DIR to a folder on another disk; stored data is intact.",
    )
