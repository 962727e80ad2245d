"""The folder of an embedded server: its data, password and log.

Made whole or not at all, and checked before use. Starting and stopping the server is ``embedded``'s
work.
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
DATABASE: Final = "warehouse"  # the one that sql/embedded/database.sql makes

SUPERUSER: Final = "postgres"

DATA_FOLDER: Final = "cluster"
ACCESS: Final = "pg_hba.conf"
PASSWORD_FILE: Final = "password"  # noqa: S105  # a file's name
LOG_FILE: Final = "postgres.log"

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
    data = folder / DATA_FOLDER
    if not data.exists():
        _make_cluster(folder, programs, user, lock=lock, is_durable=is_durable)
    _require_owner(data, user.uid, user.maker.uid, *(OWN_UIDS if user.is_other_user else ()))
    _give(data, user.uid, user)
    _write_access_rules(folder)
    version = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    if version != str(programs.major):
        raise DatabaseUnavailable(
            f"The data in {data} are of PostgreSQL {version}, and the programs here of PostgreSQL {programs.major}.",
            advice=f"Set AMOCRM_PG_BIN to the programs of PostgreSQL {version}, or AMOCRM_DATA_DIR to a new folder.",
        )
    if not (folder / PASSWORD_FILE).exists():
        raise DatabaseUnavailable(
            f"The password file {folder / PASSWORD_FILE} is missing, without which nobody can use the data beside it.",
            advice=f"Put it back from a backup, or move {data} away to start with an empty database.",
        )
    # The lock says that no server is left, so the file is stale even if its process number is in use again.
    (data / "postmaster.pid").unlink(missing_ok=True)


def require_own_folder(folder: Path) -> None:
    """Refuse a folder that another user made: neither could read what the other writes."""
    if folder.exists():
        _require_owner(folder.resolve(), os.geteuid())


def read_password(folder: Path) -> str:
    """The password of the only role; raises ``OSError`` where there is none yet."""
    return (folder / PASSWORD_FILE).read_text(encoding="ascii").strip()


class Postmaster(NamedTuple):
    """What a running server writes of itself."""

    pid: int
    port: int


def read_postmaster(folder: Path) -> Postmaster | None:
    """The server that runs in ``folder``, or None while there is none.

    After a crash this may be out of date.
    """
    try:
        lines = (folder / DATA_FOLDER / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        return Postmaster(pid=int(lines[0]), port=int(lines[3]))
    except (FileNotFoundError, IndexError, ValueError):
        return None


def open_log(folder: Path) -> int:
    """A new log file, as a file descriptor; the one before is kept beside it."""
    log = folder / LOG_FILE
    if log.exists():
        log.replace(log.with_name(f"{LOG_FILE}.1"))
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def start_error(folder: Path, output: str) -> DatabaseUnavailable:
    """What the output of PostgreSQL's programs says about why they failed."""
    if "No space left on device" in output:
        return _disk_full_error(folder)
    reasons = (
        re.findall(r"(?:FATAL|PANIC|ERROR|error): +(.+)", output) or output.strip().splitlines() or ["no reason given"]
    )
    return DatabaseUnavailable(
        f"The embedded PostgreSQL did not start: {reasons[-1]}.",
        advice=f"Read {folder / LOG_FILE}, or set DATABASE_URL to a server of your own.",
    )


@contextmanager
def folder_errors(folder: Path) -> Iterator[None]:
    """Turn what the system says about files and processes into an error of ours that names ``folder``."""
    try:
        yield
    except PermissionError as error:
        subject = error.filename or "becoming another user"
        raise DatabaseUnavailable(
            f"The embedded PostgreSQL cannot keep its data in {folder}: {error.strerror} ({subject}).",
            advice="Run as the user who owns that folder, or set AMOCRM_DATA_DIR to a folder of your own.",
        ) from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise _disk_full_error(folder) from error
        raise DatabaseUnavailable(
            f"The embedded PostgreSQL cannot keep its data in {folder}: {error.strerror}.",
            advice="Set AMOCRM_DATA_DIR to a folder on a local disk.",
        ) from error


def _make_cluster(folder: Path, programs: Binaries, user: ServerUser, *, lock: int, is_durable: bool) -> None:
    """``initdb`` in a folder beside, renamed when all is done: killed anywhere, the next run begins again."""
    temporary = folder / f"{DATA_FOLDER}.unfinished"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        _run_initdb(temporary, programs, user, password=_create_password(folder), lock=lock, is_durable=is_durable)
        temporary.rename(folder / DATA_FOLDER)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def give_up_superuser(folder: Path, programs: Binaries, user: ServerUser, *, lock: int) -> None:
    """Make the role of the warehouse an ordinary one, which it was not in clusters of earlier versions.

    The server must not run. Killed anywhere, it is done again at the next start.
    """
    data = folder / DATA_FOLDER
    as_superuser = partial(run_as_superuser, data, programs, user, lock=lock)
    with owned_by_maker(data, user):
        as_superuser(_roles(read_password(folder)))
        for database in re.findall(r'datname = "(.*?)"\t', as_superuser(sql.read("embedded/databases"))):
            as_superuser(sql.read("embedded/owner"), database=database)
        as_superuser(sql.read("embedded/done"))


def run_as_superuser(
    data: Path, programs: Binaries, user: ServerUser, text: str, *, lock: int, database: str = "postgres"
) -> str:
    """Execute statements in single-user mode, each ending with ';' and an empty line; what the server prints.

    It is the only way to the superuser, who has no password.
    """
    quiet = [part for name, value in LOG_SETTINGS.items() for part in ("-c", f"{name}={value}")]
    command: list[str | Path] = [programs.postgres, "--single", "-j", *quiet, "-D", data, database]
    return _run_program(command, data.parent, user, inherited=(lock,), text=text)


def _run_initdb(
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
    text = "".join((_roles(password), sql.read("embedded/database"), sql.read("embedded/done")))
    with owned_by_maker(data, user):
        _run_program(initdb, data.parent, user, inherited=(lock,))
        run_as_superuser(data, programs, user, text, lock=lock)


def _roles(password: str) -> str:
    setting = SQL("set amocrm.password = {};\n\n").format(Literal(password)).as_string()
    return setting + sql.read("embedded/roles")


def _write_access_rules(folder: Path) -> None:
    """Write the server's pg_hba.conf beside the data: the server's user can read it, and not change it."""
    file = folder / ACCESS
    replace_file(file, ACCESS_RULES.encode("ascii"))
    if os.geteuid() == 0:
        file.chmod(0o644)


@contextmanager
def owned_by_maker(data: Path, user: ServerUser) -> Iterator[None]:
    """Let the user that makes clusters own the data until the context ends."""
    _give(data, user.maker.uid, user)
    yield
    _give(data, user.uid, user)


def _give(data: Path, uid: int, user: ServerUser) -> None:
    """Make the data this user's, if they are another's; links are not followed."""
    if not user.is_other_user or data.stat().st_uid == uid:
        return
    for _, folders, files, at in os.fwalk(data):
        for name in (*folders, *files):
            os.chown(name, uid, user.gid, dir_fd=at, follow_symlinks=False)
    os.chown(data, uid, user.gid)  # last: a run killed before has the rest done again


def _run_program(
    command: list[str | Path], folder: Path, user: ServerUser, *, inherited: tuple[int, ...], text: str = ""
) -> str:
    """Run one of PostgreSQL's programs to its end; its output.

    ``keep`` are the file descriptors it inherits.
    """
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
        **user.maker.process,
    )
    # The server in single-user mode ends well even when its statement did not.
    if completed.returncode != 0 or re.search(r"^(?:\S+ )*?(?:ERROR|FATAL|PANIC):", completed.stdout, re.MULTILINE):
        raise start_error(folder, completed.stdout)
    return completed.stdout


def server_environment() -> dict[str, str]:
    """What the server's processes may see of ours: no settings, since those hold secrets, and no ``PG*`` defaults."""
    inherited_variables = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
    return {name: os.environ[name] for name in inherited_variables if name in os.environ} | {"LC_ALL": "C", "TZ": "UTC"}


def _create_password(folder: Path) -> str:
    """Make the password file, or use the one that a run killed in the middle has left."""
    file = folder / PASSWORD_FILE
    if not file.exists():
        replace_file(file, secrets.token_urlsafe(24).encode("ascii"))
    return read_password(folder)


def _require_owner(folder: Path, *uids: int) -> None:
    owner = folder.stat().st_uid
    if owner not in uids:
        raise DatabaseUnavailable(
            f"The folder {folder} belongs to the user '{user_name(owner)}', not to '{user_name(uids[0])}'.",
            advice="Run as the user who ran this first, or set AMOCRM_DATA_DIR to a folder of your own.",
        )


def _disk_full_error(folder: Path) -> DatabaseUnavailable:
    return DatabaseUnavailable(
        f"The disk that holds {folder} is full, so the embedded PostgreSQL cannot run.",
        advice="Make some room on it, or set AMOCRM_DATA_DIR to a folder on another disk; what is stored is intact.",
    )
