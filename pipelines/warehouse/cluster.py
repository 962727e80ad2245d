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
from pathlib import Path
from typing import Final, NamedTuple

import sql
from pipelines.errors import DatabaseUnavailable
from pipelines.warehouse.binaries import Binaries
from pipelines.warehouse.server_user import ServerUser, user_name

ROLE: Final = "warehouse"
DATABASE: Final = "warehouse"  # the one that sql/embedded_database.sql makes

DATA: Final = "cluster"
PASSWORD: Final = "password"  # noqa: S105  # a file's name
LOG: Final = "postgres.log"


def prepare_cluster(folder: Path, programs: Binaries, user: ServerUser, *, lock: int, is_durable: bool) -> None:
    """Leave a cluster in ``folder`` that ``programs`` can start as ``user``; every process this takes holds ``lock``.

    Raises ``DatabaseUnavailable``.
    """
    data = folder / DATA
    if not data.exists():
        _make_cluster(folder, programs, user, lock=lock, is_durable=is_durable)
    _check_owner(data, user.uid)
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


def _fill_cluster(
    data: Path, programs: Binaries, user: ServerUser, *, password: str, lock: int, is_durable: bool
) -> None:
    data.mkdir(mode=0o700)
    if user.is_switched:
        os.chown(data, user.uid, user.gid)
    locale = ["--locale=C.UTF-8"]
    if programs.major >= 17:
        # Lower case of Cyrillic without depending on the machine's locales.
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    extra = [] if is_durable else ["--no-sync"]
    with _password_pipe(password, user) as pipe:
        initdb: list[str | Path] = [
            programs.initdb,
            "-D",
            data,
            "-U",
            ROLE,
            f"--pwfile=/dev/fd/{pipe}",
            "--encoding=UTF8",
        ]
        initdb += ["--auth=scram-sha-256", "--no-instructions", *locale, *extra]
        _run(initdb, data.parent, user, keep=(lock, pipe))
    single_user: list[str | Path] = [programs.postgres, "--single", "-D", data, "postgres"]
    _run(single_user, data.parent, user, keep=(lock,), text=sql.read("embedded_database"))


def _run(command: list[str | Path], folder: Path, user: ServerUser, *, keep: tuple[int, ...], text: str = "") -> None:
    """Run one of PostgreSQL's programs to its end; ``keep`` are the file descriptors it inherits."""
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
        **user.process,
    )
    # The server in single-user mode ends well even when its statement did not.
    if done.returncode != 0 or re.search(r"^(?:\S+ )*?(?:ERROR|FATAL|PANIC):", done.stdout, re.MULTILINE):
        raise not_started(folder, done.stdout)


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


@contextmanager
def _password_pipe(password: str, user: ServerUser) -> Iterator[int]:
    """A pipe that ``initdb`` reads the password from, so that it never lies in a file that the server's user owns."""
    reader, writer = os.pipe()
    try:
        if user.is_switched:
            os.fchown(reader, user.uid, user.gid)
        os.write(writer, f"{password}\n".encode())
        os.close(writer)
        yield reader
    finally:
        os.close(reader)


def _check_owner(folder: Path, uid: int) -> None:
    owner = folder.stat().st_uid
    if owner != uid:
        raise DatabaseUnavailable(
            f"The folder {folder} belongs to the user '{user_name(owner)}', not to '{user_name(uid)}'.",
            advice="Run as the user who ran this first, or set AMOCRM_DATA_DIR to a folder of your own.",
        )


def _disk_full(folder: Path) -> DatabaseUnavailable:
    return DatabaseUnavailable(
        f"The disk that holds {folder} is full, so the embedded PostgreSQL cannot run.",
        advice="Make some room on it, or set AMOCRM_DATA_DIR to a folder on another disk; what is stored is intact.",
    )
