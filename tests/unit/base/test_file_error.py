"""Errors of files: they name the file, say what is wrong, and are no bugs of the program."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assets.dagster_home import open_instance
from commands.error_output import Failure
from pipelines.amocrm.slot_store import FileSlotStore
from pipelines.amocrm.token_store import TokenStore
from pipelines.base.atomic_file import replace_file
from pipelines.base.bounded_file import read_text
from pipelines.base.clock import SYSTEM_CLOCK
from pipelines.base.errors import SettingsError
from pipelines.base.file_error import as_known_error
from pipelines.base.private_path import make_private, open_private
from pipelines.load.blocked_hosts import raise_if_blocked, record_block
from pipelines.load.result import report_error

NOW = datetime(2026, 3, 1, tzinfo=UTC)

USES: dict[str, Callable[[Path], object]] = {
    "read": read_text,
    "replace": lambda file: replace_file(file, b"x"),
    "open": lambda file: open_private(file, os.O_RDWR | os.O_CREAT),
    "folder": make_private,
}


def obstacles(folder: Path) -> dict[str, Path]:
    """Paths at which no file and no folder can be."""
    (folder / "file").write_bytes(b"")
    (folder / "loop").symlink_to(folder / "loop")
    os.mkfifo(folder / "pipe")
    return {
        "below a file": folder / "file" / "inner",
        "a link loop": folder / "loop" / "inner",
        "a long name": folder / ("n" * 300),
        "a pipe": folder / "pipe" / "inner",
    }


@pytest.mark.parametrize("use", USES)
def test_an_obstacle_is_named_and_is_no_bug(use: str, tmp_path: Path) -> None:
    for what, path in obstacles(tmp_path).items():
        with pytest.raises(OSError) as caught:  # noqa: PT011 - any
            USES[use](path)
        assert caught.value.filename == str(path), what
        failure = Failure(caught.value)
        assert failure.exit_code == SettingsError.exit_code, what
        assert str(path) in failure.message, what
        assert report_error(caught.value, "acme").exit_code == SettingsError.exit_code, what


def test_a_full_disk_is_known_without_a_name_and_a_connection_is_not() -> None:
    assert "Free disk space" in str(as_known_error(OSError(errno.ENOSPC, "No space left on device")))
    broken = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
    assert as_known_error(broken) is broken


def test_a_record_of_a_block_is_only_a_hint(tmp_path: Path) -> None:
    record = tmp_path / "blocked" / "example.amocrm.ru"
    record.mkdir(parents=True)
    record_block(tmp_path, record.name, NOW)
    raise_if_blocked(tmp_path, record.name, NOW)
    record.rmdir()
    for contents in (b"2026-03-01T00:30:00", b"\xff\x00", b"9" * 2_000_000, b"[]"):
        record.write_bytes(contents)
        raise_if_blocked(tmp_path, record.name, NOW)


def test_a_rate_limit_that_cannot_be_stored_names_its_file(tmp_path: Path) -> None:
    for path in obstacles(tmp_path).values():
        with pytest.raises(SettingsError, match="share their rate limit"):
            FileSlotStore(path).update(lambda slot: slot)


@pytest.mark.parametrize("rubbish", ["5", "[]", '"received_at"', '{"lost": 1}'])
def test_tokens_of_the_wrong_type_are_no_tokens(rubbish: str, tmp_path: Path) -> None:
    path = tmp_path / "acme.json"
    whole = (
        '{"client_id": "a", "authorized_url": "b", "base_url": "c", "access_token": "d", "refresh_token": "e",'
        ' "received_at": "2026-03-01T00:00:00+00:00", "access_ends_at": null, "lost": null}'
    )
    path.write_text(whole)
    assert TokenStore(path, SYSTEM_CLOCK).read() is not None
    broken = [rubbish, whole.replace('"d"', "5"), whole.replace("+00:00", ""), whole.replace("2026", "9999")]
    broken += [whole.replace('"lost": null', '"lost": []')]
    for text in broken:
        path.write_text(text)
        assert TokenStore(path, SYSTEM_CLOCK).read() is None, text


def test_a_home_of_dagster_that_is_rubbish_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for name, contents in {"yaml": b"a: [", "unknown": b"surprise: 1\n", "bytes": b"\xff\x00"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "dagster.yaml").write_bytes(contents)
    for name in ("file", "yaml", "unknown", "bytes"):
        with (
            pytest.raises(SettingsError, match=f"Dagster's home {tmp_path / name} cannot be used"),
            open_instance(tmp_path / name),
        ):
            pass
