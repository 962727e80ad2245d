"""Checks of file permissions: whether other users can read secrets, or write files that this program trusts."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from commands.current_settings import dagster_home
from commands.doctor.check import Check, failed, ok, warning
from pipelines.base.errors import SettingsError
from pipelines.base.language import gettext_noop, lazy_gettext, lazy_ngettext, ngettext_noop
from pipelines.config.settings import Settings, secret_files, secret_variables_in
from pipelines.customers.forgotten import KEY_FILE

SUBJECT: Final = lazy_gettext("secrets")
FOLDERS: Final = lazy_gettext("permissions")

READABLE: Final = stat.S_IRWXO
"""Rights to secrets that other users must not have. A group may have them: it may be the one of this program."""
WRITABLE: Final = stat.S_IWGRP | stat.S_IWOTH

READ_BY_OTHERS: Final = (
    gettext_noop("%(path)s can be read by others: its mode is %(mode)s."),
    ngettext_noop(
        "%(count)s more file such as %(path)s can be read by others.",
        "%(count)s more files such as %(path)s can be read by others.",
    ),
)
WRITTEN_BY_OTHERS: Final = (
    gettext_noop("%(path)s can be written by others: its mode is %(mode)s."),
    ngettext_noop(
        "%(count)s more file such as %(path)s can be written by others.",
        "%(count)s more files such as %(path)s can be written by others.",
    ),
)
"""Findings about one file, and about the rest of many."""

MOST_LISTED: Final = 5
"""Files that are listed individually, each with the command that fixes it."""


def check_env_file(file: Path) -> Iterator[Check]:
    """Check that other users cannot read secrets in ``.env``. Yield nothing if it holds none."""
    names = secret_variables_in(file)
    if not names:
        return
    if _rights(file) & READABLE:
        yield warning(
            SUBJECT,
            lazy_gettext(
                "Every user of this machine can read or change %(names)s in .env (mode %(mode)s).",
                names=", ".join(names),
                mode=f"{_mode(file):04o}",
            ),
            lazy_gettext("Run: %(command)s", command=f"chmod 600 {shlex.quote(str(file))}"),
        )
    else:
        yield ok(SUBJECT, lazy_gettext("Other users of this machine cannot read .env."))


def check_secret_files(settings: Settings, folder: Path) -> Iterator[Check]:
    """Check that other users cannot read files with tokens and passwords: those of accounts.toml and our own."""
    try:
        named = secret_files(folder)
    except SettingsError as error:
        yield failed(SUBJECT, error)
        return
    stored = [settings.token_file(account.key) for account in settings.accounts]
    files = [
        *named,
        *stored,
        settings.data_dir / "postgres" / "password",
        settings.data_dir / "superset" / "secret_key",
        settings.data_dir / KEY_FILE,
    ]
    yield from _too_open(SUBJECT, [file for file in files if _rights(file) & READABLE], READ_BY_OTHERS, "600")


def check_folders(settings: Settings, folder: Path) -> Iterator[Check]:
    """Check that other users cannot read or write settings, data, Dagster's home and reports."""
    settings_files = [folder, folder / ".env", folder / "accounts.toml"]
    ours = [settings.data_dir, dagster_home(settings), settings.token_file("").parent, settings.report_file("").parent]
    ours += [settings.data_dir / name for name in ("demo", "blocked", "superset")]
    writable = [path for path in dict.fromkeys([*settings_files, *ours]) if _is_writable(path)]
    yield from _too_open(FOLDERS, writable, WRITTEN_BY_OTHERS, "go-w")
    readable = [path for path in dict.fromkeys(ours) if path not in writable and _rights(path) & stat.S_IROTH]
    # If root runs the embedded server, the server's own user must pass through the data folder.
    is_passed = os.geteuid() == 0 and not (settings.data_dir / "postgres").is_symlink()
    yield from _too_open(FOLDERS, readable, READ_BY_OTHERS, "711" if is_passed else "700")


def _too_open(subject: str, paths: list[Path], findings: tuple[str, tuple[str, str]], mode: str) -> Iterator[Check]:
    """Yield a warning with a ``chmod`` for each of the first paths, and one for the rest."""
    for path in paths[:MOST_LISTED]:
        yield warning(
            subject,
            lazy_gettext(findings[0], path=str(path), mode=f"{_mode(path):04o}"),
            lazy_gettext("Run: %(command)s", command=f"chmod {mode} {shlex.quote(str(path))}"),
        )
    if len(paths) > MOST_LISTED:
        yield warning(
            subject,
            lazy_ngettext(*findings[1], len(paths) - MOST_LISTED, path=str(paths[MOST_LISTED])),
            lazy_gettext("Run for each of them: %(command)s", command=f"chmod {mode} FILE"),
        )


def _is_writable(path: Path) -> bool:
    """Return True if others can write a file, or replace files in a folder. In sticky folders (/tmp) they cannot."""
    rights = _rights(path)
    return bool(rights & WRITABLE) and not rights & stat.S_ISVTX


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _rights(path: Path) -> int:
    """Return the permission bits; none of a missing file, no group bits if the owner is the group's only member."""
    try:
        found = path.stat()
        group, owner = grp.getgrgid(found.st_gid), pwd.getpwuid(found.st_uid)
    except OSError:
        return 0
    except KeyError:  # a number without a name, as in containers
        return stat.S_IMODE(found.st_mode)
    is_private = group.gr_name == owner.pw_name and not set(group.gr_mem) - {owner.pw_name}
    return stat.S_IMODE(found.st_mode) & ~(stat.S_IRWXG if is_private else 0)
