"""Files below one folder: no path, link or device leads out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines.base.bounded_file import PLAN_BYTES
from pipelines.base.confined_file import read_below
from pipelines.base.errors import SettingsError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "wanted"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/file.yaml").write_text("right")
    (folder / "in.yaml").symlink_to(folder / "deep/file.yaml")
    (tmp_path / "secret.yaml").write_text("secret")
    (tmp_path / "wanted-too").mkdir()
    (tmp_path / "wanted-too/file.yaml").write_text("secret")
    (folder / "out.yaml").symlink_to(tmp_path / "secret.yaml")
    (folder / "up").symlink_to(tmp_path)
    (folder / "loop").symlink_to("loop")
    (folder / "zero").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe")
    (folder / "large").write_bytes(b"#" * (PLAN_BYTES + 1))
    return folder


def test_files_below_the_folder_are_read(folder: Path) -> None:
    for name in ("deep/file.yaml", "./deep/../deep/file.yaml", "in.yaml", str(folder / "deep/file.yaml")):
        assert read_below(folder, name) == b"right"
    (folder / "limit").write_bytes(b"#" * PLAN_BYTES)
    assert len(read_below(folder, "limit")) == PLAN_BYTES


@pytest.mark.parametrize(
    "name",
    [
        *("out.yaml", "up/secret.yaml", "../secret.yaml", "../wanted-too/file.yaml", "deep/../../secret.yaml"),
        *("/etc/passwd", "/dev/zero", "/dev/stdin", "/proc/self/environ", "zero", "pipe", "large"),
        *("deep", ".", "", "..", "missing", "missing/file", "deep/file.yaml/x", "loop", "a\0b", "x" * 5_000, "~/file"),
    ],
)
def test_nothing_else_is(folder: Path, name: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_below(folder, name)
    assert "secret\n" not in str(refused.value)


def test_a_folder_that_is_swapped_for_a_link_is_not_entered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def swap(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if path == "deep":
            (folder / "deep").rename(folder / "gone")
            (folder / "deep").symlink_to(folder.parent / "wanted-too")
        return real(path, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", swap)
    with pytest.raises(SettingsError):
        read_below(folder, "deep/file.yaml")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read below"):
        read_below(tmp_path / "missing", "file")
