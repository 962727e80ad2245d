"""System user of the embedded server, and its access to folders.

PostgreSQL refuses to run as root.
"""

from __future__ import annotations

import grp
import os
import pwd
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypedDict

from pipelines.base.errors import DatabaseUnavailable

SYSTEM_FOLDER: Final = Path("/var/lib/amocrm-warehouse")
"""Folder of what root's server user cannot reach elsewhere, such as a clone under ``/root``."""


OWN_UIDS: Final = range(60_706, 61_184)
"""User ids that neither systemd nor Debian assigns: https://systemd.io/UIDS-GIDS/."""


class ProcessUser(TypedDict, total=False):
    """Arguments of ``subprocess`` that change a process's user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerUser:
    """User of the server: the current user; for root an unused user id without a name.

    Other processes of a shared user such as ``nobody`` could write the server's files and stop it.
    """

    name: str
    uid: int
    gid: int
    is_other_user: bool  # differs from the current user
    creator_uid: int

    @property
    def creator(self) -> ServerUser:
        """User that creates the cluster while no server runs.

        PostgreSQL's programs require one with a name. For root that is ``nobody`` with the group of
        the server's user only. Other processes of ``nobody`` lack the group, so they cannot enter
        the data folder or inspect the process; they can kill it, which the next start repairs.
        """
        return replace(self, uid=self.creator_uid)

    @property
    def process(self) -> ProcessUser:
        """Arguments that make ``subprocess`` run as this user."""
        return ProcessUser(user=self.uid, group=self.gid, extra_groups=[]) if self.is_other_user else ProcessUser()

    def can_enter(self, folder: Path) -> bool:
        """Return True if permission bits let this user into ``folder`` and every folder above it."""
        return all(self._is_allowed(step, 0o1) for step in (folder, *folder.parents))

    def can_use(self, path: Path) -> bool:
        """Return True if this user can also read ``path``, and run or list it."""
        return self.can_enter(path.parent) and self._is_allowed(path, 0o5)

    def _is_allowed(self, path: Path, requested: int) -> bool:
        """Return True if the permission bits for this user include ``requested``."""
        if not self.is_other_user:
            return True
        status = path.stat()
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 0
        return (status.st_mode >> shift) & requested == requested


def server_user() -> ServerUser:
    """Return the user to run the server as."""
    uid = os.geteuid()
    if uid != 0:
        return ServerUser(name=user_name(uid), uid=uid, gid=os.getegid(), is_other_user=False, creator_uid=uid)
    own = next(uid for uid in OWN_UIDS if _is_free(uid))
    return ServerUser(name=str(own), uid=own, gid=own, is_other_user=True, creator_uid=pwd.getpwnam("nobody").pw_uid)


def _is_free(number: int) -> bool:
    """Return True if no user and no group has this id."""
    with suppress(KeyError):
        pwd.getpwuid(number)
        return False
    with suppress(KeyError):
        grp.getgrgid(number)
        return False
    return True


def user_name(uid: int) -> str:
    """Return a user's name, or its id if it has none, as in many containers."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def make_folder(folder: Path, user: ServerUser) -> None:
    """Create a folder that only ``user`` can pass through, whatever the umask."""
    folder.mkdir(parents=True, mode=0o700)
    close_folder(folder, user)


def close_folder(folder: Path, user: ServerUser) -> None:
    """Let only ``user`` pass through a folder; earlier versions left it open."""
    if user.is_other_user:
        os.chown(folder, 0, user.gid)
        folder.chmod(0o710)
    else:
        folder.chmod(0o700)


def make_system_folder() -> None:
    """Create ``SYSTEM_FOLDER``, which everybody can pass through and nobody can list."""
    if not SYSTEM_FOLDER.exists():
        SYSTEM_FOLDER.mkdir(parents=True)
        SYSTEM_FOLDER.chmod(0o711)


def reachable_folder(requested: Path, user: ServerUser) -> Path:
    """Create ``requested`` or use it, and return its real path.

    If ``user`` cannot reach it, it becomes a link to a folder under ``SYSTEM_FOLDER``, so that no
    permissions of other folders change. Removing the link starts with an empty folder.
    """
    requested = requested.absolute()
    if requested.is_symlink() and not requested.exists():
        requested.unlink()
    if not requested.exists():
        requested.parent.mkdir(parents=True, exist_ok=True)
        if user.can_enter(requested.parent.resolve()):
            make_folder(requested, user)
        else:
            _link_to_system_folder(requested, user)
    folder = requested.resolve()
    close_folder(folder, user)
    if not user.can_enter(folder):
        raise DatabaseUnavailable(
            f"The user '{user.name}', which runs the database server for root, cannot reach {folder}.",
            advice="Run as another user than root, or set AMOCRM_DATA_DIR to a folder that every user may enter.",
        )
    return folder


def _link_to_system_folder(link: Path, user: ServerUser) -> None:
    """Create a folder under ``SYSTEM_FOLDER`` and link to it."""
    make_system_folder()
    target = SYSTEM_FOLDER / f"{link.name}-{secrets.token_hex(4)}"
    make_folder(target, user)
    try:
        link.symlink_to(target)
    except FileExistsError:  # another process was first
        target.rmdir()
