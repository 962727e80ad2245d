"""A second user of the machine who plants files and links."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files that belong to another user")


def nobody() -> tuple[int, int]:
    """User id and group id."""
    found = pwd.getpwnam("nobody")
    return found.pw_uid, found.pw_gid


def shared(folder: Path) -> Path:
    """Make the folder world-writable with the sticky bit, like /tmp."""
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def plant_link(link: Path, target: Path) -> None:
    """Make a link that belongs to the second user."""
    link.symlink_to(target)
    os.chown(link, *nobody(), follow_symlinks=False)


def plant_file(file: Path, contents: bytes = b"", mode: int = 0o666) -> None:
    """Make a file that belongs to the second user."""
    file.write_bytes(contents)
    file.chmod(mode)
    os.chown(file, *nobody())
