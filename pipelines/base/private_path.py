"""Private folders and files: created with modes 0700 and 0600, and opened without following links of other users.

A link of another user is not followed anywhere in a path: in a shared folder such as /tmp it may
lead to a file that only this user can write. Links of this user and of root are followed.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import IO, Final

from pipelines.base.file_error import file_named

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600

UMASK: Final = 0o077
"""Clears every right of group and others, whoever creates a file: a library, Dagster, a child process."""

MOST_LINKS: Final = 40
"""Maximum of links in one path, as in Linux."""

_ENTER: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MAGIC: Final = re.compile(r"/dev/(?:null|tty|stdin|stdout|stderr|fd/\d+)|/proc/(?:self|\d+)/fd/\d+")
"""Names of what is open already, such as /dev/stdout: only the system can make them, and they are links to no path.

Not all of /dev and /proc: everybody may write into /dev/shm, and /proc/self/cwd leads anywhere.
"""


class ForeignLink(OSError):
    """A link of another user stands in a path."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.ELOOP, f"{path} is a link that another user made, which is not followed")


class Planted(OSError):
    """A folder or file of another user lies in a folder that others may write."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.EPERM, f"{path} belongs to another user, who may have put it there for us to find")


def refuse_planted(path: Path) -> None:
    """Raise ``OSError`` if another user may have put ``path``, or a folder above it, where this program looks for it.

    Of a shared folder such as /tmp only what belongs to this user, to root or to the folder's owner is used.
    """
    trusted = {os.geteuid(), 0}
    for step in (*reversed(path.absolute().parents), path.absolute()):
        try:
            found, above = step.lstat(), step.parent.stat()
        except OSError:
            return  # what is missing was not planted, and what cannot be entered is not used
        if stat.S_ISLNK(found.st_mode):
            if found.st_uid not in trusted:
                raise ForeignLink(str(step))
            target = Path(os.path.realpath(step))
            if target.is_symlink():
                raise OSError(errno.ELOOP, f"{step} is a link that leads to itself")
            refuse_planted(target)
        elif above.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and found.st_uid not in trusted | {above.st_uid}:
            raise Planted(str(step))


def make_private(folder: Path) -> Path:
    """Create a folder of mode 0700 and its missing parents. An existing one keeps its mode.

    Raises ``OSError``, also if another user may have planted the folder.
    """
    with entered(folder):
        refuse_planted(folder)
        return folder


@contextmanager
def entered(folder: Path) -> Iterator[int]:
    """Open a folder and yield its descriptor.

    A missing one is created with mode 0700. Raises ``OSError``.
    """
    with file_named(folder):
        descriptor = _enter(folder, [0])
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def located(file: Path) -> Iterator[tuple[int, str]]:
    """Follow links and yield the descriptor of the folder that holds ``file``, and the name there.

    The folder is created if it is missing, the file is not. Raises ``OSError``.
    """
    with file_named(file):
        folder, name = _locate(file, [0])
    try:
        yield folder, name
    finally:
        os.close(folder)


def open_private(file: Path, flags: int) -> int:
    """Open a regular file of this user, which ``flags`` may create with mode 0600; a wider mode is narrowed.

    Raises ``OSError``, also if another user may have planted the file.
    """
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    with file_named(file), located(file) as (folder, name):
        descriptor = os.open(name, flags, FILE_MODE, dir_fd=folder)
        try:
            found = os.fstat(descriptor)
            _refuse_planted(found, os.fstat(folder), file)
            if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & UMASK:
                os.fchmod(descriptor, FILE_MODE)
        except BaseException:
            os.close(descriptor)
            raise
    return descriptor


def _refuse_planted(found: os.stat_result, folder: os.stat_result, file: Path) -> None:
    """Raise ``OSError`` unless the file is regular and this user's, or is in a folder that only its owner writes.

    The second case lets root work in another user's folder. In a folder that others may write, a
    hard link may be theirs.
    """
    is_shared = bool(folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, f"{file} is not a regular file")
    if found.st_uid != os.geteuid() and (is_shared or found.st_uid != folder.st_uid):
        raise OSError(errno.EPERM, f"{file} belongs to another user")
    if is_shared and found.st_nlink > 1:
        raise OSError(errno.EPERM, f"{file} has a second name in a folder that others may write")


def open_log(file: Path) -> IO[bytes]:
    """Open a log of this user for writing and truncate it. Raises ``OSError``."""
    descriptor = open_private(file, os.O_WRONLY | os.O_CREAT)
    os.ftruncate(descriptor, 0)
    return os.fdopen(descriptor, "wb")


def is_magic(file: Path) -> bool:
    """Return True if ``file`` names what is open already."""
    return _MAGIC.fullmatch(str(file)) is not None


def _enter(folder: PurePath, links: list[int]) -> int:
    """Return a descriptor of ``folder``, entered step by step.

    ``links`` counts the links followed.
    """
    folder = Path.cwd() / folder
    here = os.open(folder.anchor, _ENTER)
    walked = PurePath(folder.anchor)
    for name in folder.parts[1:]:
        try:
            walked /= name
            there = _step(here, name, walked, links)
        finally:
            os.close(here)
        here = there
    return here


def _step(here: int, name: str, walked: PurePath, links: list[int]) -> int:
    """Return a descriptor of the folder ``name`` in ``here``; create it if it is missing."""
    if name != ".." and _link_in(here, name, walked, links) is not None:
        return _enter(walked.parent / os.readlink(name, dir_fd=here), links)
    try:
        return os.open(name, _ENTER, dir_fd=here)
    except FileNotFoundError:
        with suppress(FileExistsError):  # another process was first
            os.mkdir(name, FOLDER_MODE, dir_fd=here)
        return os.open(name, _ENTER, dir_fd=here)


def _locate(file: PurePath, links: list[int]) -> tuple[int, str]:
    """Return a descriptor of the folder of ``file`` and the name there, after following links."""
    if not file.name or file.name == "..":
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    folder = _enter(file.parent, links)
    try:
        target = _link_in(folder, file.name, file, links)
    except BaseException:
        os.close(folder)
        raise
    if target is None:
        return folder, file.name
    os.close(folder)
    return _locate(file.parent / target, links)


def _link_in(folder: int, name: str, path: PurePath, links: list[int]) -> str | None:
    """Return the target of a link; None if ``name`` is not a link. Raises ``ForeignLink``."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISLNK(found.st_mode):
        return None
    links[0] += 1
    if found.st_uid not in {os.geteuid(), 0}:
        raise ForeignLink(str(path))
    if links[0] > MOST_LINKS:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return os.readlink(name, dir_fd=folder)
