"""Access by OAuth when the disk fails: before amoCRM is asked, or without losing what it answered."""

from __future__ import annotations

import os
import resource
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from emulator import effects
from faults.oauth_account import OAuthAccount
from pipelines.amocrm.token_file import ROOM_BYTES
from pipelines.errors import MustAuthorize, SettingsError, Unavailable

Disk = Callable[[int | None], None]


def file_limit(size: int | None) -> None:
    """Let no file of this process grow beyond a size; None lets them."""
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (most if size is None else size, most))


@pytest.fixture
def disk() -> Iterator[Disk]:
    """Limits files until the test is over."""
    yield file_limit
    file_limit(None)


def test_a_disk_that_takes_nothing_shows_before_amocrm_is_asked(place: OAuthAccount, disk: Disk) -> None:
    place.authorized()
    moved = place.file.parent.rename(place.file.parent.with_name("moved"))
    place.file.parent.write_text("no folder")
    with pytest.raises(SettingsError, match=r"Nothing was asked of amoCRM.*AMOCRM_TOKEN_DIR"):
        place.authorization().authorize(place.code())
    assert place.renewals == 1
    place.file.parent.unlink()
    moved.rename(place.file.parent)
    disk(0)
    with pytest.raises(SettingsError, match=r"cannot be kept: File too large"):
        place.authorization().refresh()
    disk(None)
    assert place.renewals == 1
    place.authorization().refresh()


def test_a_folder_that_is_gone_after_the_answer_is_made_again(place: OAuthAccount) -> None:
    place.authorized()
    place.emulator.faults.add(effects.meanwhile(lambda _: shutil.rmtree(place.file.parent)), resource="token", times=1)
    place.authorization().refresh()
    assert not place.grant(place.kept).is_used
    place.authorization().refresh()


def test_a_disk_that_fails_after_the_answer_is_tried_again(place: OAuthAccount, disk: Disk) -> None:
    place.authorized()

    class Healing(list[float]):
        """The disk is good again after the first wait."""

        def append(self, seconds: float) -> None:
            super().append(seconds)
            disk(None)

    place.slept = Healing()
    place.emulator.faults.add(effects.meanwhile(lambda _: disk(0)), resource="token", times=1)
    place.authorization().refresh()
    assert place.slept == [1.0]
    assert not place.grant(place.kept).is_used


def test_a_disk_that_fails_for_good_after_the_answer_says_so(place: OAuthAccount, disk: Disk) -> None:
    place.authorized()
    place.emulator.faults.add(effects.meanwhile(lambda _: disk(0)), resource="token", times=1)
    with pytest.raises(MustAuthorize, match=r"cannot be kept in .*: File too large.*auth login"):
        place.authorization().refresh()
    disk(None)
    with pytest.raises(MustAuthorize, match=r"The tokens are lost"):
        place.authorization().refresh()
    place.authorized()


def test_what_was_written_and_not_put_in_its_place_is_found(place: OAuthAccount) -> None:
    place.authorized()
    old = place.file.read_bytes()
    place.authorization().refresh()
    place.file.rename(place.file.with_suffix(".renewing"))
    place.file.write_bytes(old)
    place.authorization().refresh()
    assert place.kept.lost is None
    new = place.file.rename(place.file.with_suffix(".renewing"))
    place.authorization()()
    assert place.file.exists()
    assert not new.exists()


def test_who_reads_meanwhile_reads_the_old_tokens_or_the_new_ones(place: OAuthAccount) -> None:
    place.authorized()
    old = place.file.read_bytes()
    with place.file.open("rb", buffering=0) as reader:
        first = reader.read(100)
        place.authorization().refresh()
        assert first + reader.read() == old
    assert place.file.read_bytes() != old


def test_half_of_what_was_to_be_written_is_nothing(place: OAuthAccount) -> None:
    place.authorized()
    whole = place.file.read_bytes()
    place.file.with_suffix(".renewing").write_bytes(whole.rstrip()[:-5].ljust(ROOM_BYTES))
    place.authorization().refresh()
    assert not place.is_open


def test_a_lock_that_is_never_given_back_is_not_waited_for_for_ever(place: OAuthAccount) -> None:
    authorization = place.authorized()
    with place.authorization()._file.locked():
        place.emulator.clock.advance(timedelta(hours=24))
        ticks = iter(range(10**6))
        authorization._file._clocks = replace(place.clocks, monotonic=lambda: float(next(ticks)))
        with pytest.raises(Unavailable, match=r"Another process has been renewing the tokens for 300 seconds"):
            authorization()


def test_tokens_and_their_names_are_on_the_disk(place: OAuthAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is begun and its name, then the pair and its name."""
    synced: list[str] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    place.authorization().authorize(place.code())
    assert synced == ["file", "folder"] * 2
    assert stat.S_IMODE(place.file.stat().st_mode) == 0o600
