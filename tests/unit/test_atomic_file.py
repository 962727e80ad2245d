"""Atomic writes, and their errors."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines.base import atomic_file
from pipelines.base.atomic_file import write_file
from pipelines.base.errors import SettingsError


@contextmanager
def room_for(byte_count: int) -> Iterator[None]:
    """No file that is written meanwhile can be longer, as on a disk that is full."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (byte_count, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


def test_the_folder_is_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_file(tmp_path / "a/b/file", b"new")
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["file"]
    assert (tmp_path / "a/b/file").read_bytes() == b"new"


def test_concurrent_readers_see_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with (tmp_path / "file").open("rb") as reader:
        write_file(tmp_path / "file", b"new")
        assert reader.read() == b"old"


def test_where_there_is_no_room_the_old_one_stays(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old")
    with room_for(1_000), pytest.raises(SettingsError, match=r"file cannot be written: File too large\. .*free space"):
        write_file(file, b"x" * 2_000)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert file.read_bytes() == b"old"


@pytest.mark.parametrize("place", ["taken/file", "taken/deeper/file", ".", "x" * 300])
def test_an_unwritable_path_is_reported_with_its_account(tmp_path: Path, place: str) -> None:
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(SettingsError, match=r"^account 'acme': .* cannot be written: [A-Z].*\. Go elsewhere\.$"):
        write_file(tmp_path / place, b"new", account="acme", advice="Go elsewhere.")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file")
    write_file(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_file(tmp_path / "pipe", b"new")
        assert os.read(reader, 10) == b"new"
    finally:
        os.close(reader)


def test_a_pipe_that_nobody_reads_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic_file, "PIPE_SECONDS", 0.05)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TimeoutError, match="Nobody read this pipe"):
        atomic_file.replace_file(tmp_path / "pipe", b"x")
