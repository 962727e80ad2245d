"""OAuth when the disk fails before or after amoCRM's response."""

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
from pipelines.amocrm.token_store import RESERVED_BYTES
from pipelines.base.errors import MustAuthorize, SettingsError, Unavailable

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


def test_an_unwritable_disk_is_noticed_before_the_request(oauth_account: OAuthAccount, disk: Disk) -> None:
    oauth_account.authorized()
    moved = oauth_account.file.parent.rename(oauth_account.file.parent.with_name("moved"))
    oauth_account.file.parent.write_text("no folder")
    with pytest.raises(SettingsError, match=r"No request was sent to amoCRM.*AMOCRM_TOKEN_DIR"):
        oauth_account.authorization().authorize(oauth_account.code())
    assert oauth_account.renewals == 1
    oauth_account.file.parent.unlink()
    moved.rename(oauth_account.file.parent)
    disk(0)
    with pytest.raises(SettingsError, match=r"cannot be stored: File too large"):
        oauth_account.authorization().refresh()
    disk(None)
    assert oauth_account.renewals == 1
    oauth_account.authorization().refresh()


def test_a_folder_that_is_gone_after_the_answer_is_made_again(oauth_account: OAuthAccount) -> None:
    oauth_account.authorized()
    oauth_account.emulator.faults.add(
        effects.before_response(lambda _: shutil.rmtree(oauth_account.file.parent)), resource="token", times=1
    )
    oauth_account.authorization().refresh()
    assert not oauth_account.grant(oauth_account.stored_tokens).is_used
    oauth_account.authorization().refresh()


def test_a_disk_that_fails_after_the_answer_is_tried_again(oauth_account: OAuthAccount, disk: Disk) -> None:
    oauth_account.authorized()

    class Healing(list[float]):
        """The disk is good again after the first wait."""

        def append(self, seconds: float) -> None:
            super().append(seconds)
            disk(None)

    oauth_account.slept = Healing()
    oauth_account.emulator.faults.add(effects.before_response(lambda _: disk(0)), resource="token", times=1)
    oauth_account.authorization().refresh()
    assert oauth_account.slept == [1.0]
    assert not oauth_account.grant(oauth_account.stored_tokens).is_used


def test_a_disk_that_fails_for_good_after_the_answer_says_so(oauth_account: OAuthAccount, disk: Disk) -> None:
    oauth_account.authorized()
    oauth_account.emulator.faults.add(effects.before_response(lambda _: disk(0)), resource="token", times=1)
    with pytest.raises(MustAuthorize, match=r"cannot be stored in .*: File too large.*auth login"):
        oauth_account.authorization().refresh()
    disk(None)
    with pytest.raises(MustAuthorize, match=r"The tokens are lost"):
        oauth_account.authorization().refresh()
    oauth_account.authorized()


def test_what_was_written_and_not_put_in_its_place_is_found(oauth_account: OAuthAccount) -> None:
    oauth_account.authorized()
    old = oauth_account.file.read_bytes()
    oauth_account.authorization().refresh()
    oauth_account.file.rename(oauth_account.file.with_suffix(".renewing"))
    oauth_account.file.write_bytes(old)
    oauth_account.authorization().refresh()
    assert oauth_account.stored_tokens.lost_reason is None
    new = oauth_account.file.rename(oauth_account.file.with_suffix(".renewing"))
    oauth_account.authorization()()
    assert oauth_account.file.exists()
    assert not new.exists()


def test_who_reads_meanwhile_reads_the_old_tokens_or_the_new_ones(oauth_account: OAuthAccount) -> None:
    oauth_account.authorized()
    old = oauth_account.file.read_bytes()
    with oauth_account.file.open("rb", buffering=0) as reader:
        first = reader.read(100)
        oauth_account.authorization().refresh()
        assert first + reader.read() == old
    assert oauth_account.file.read_bytes() != old


def test_half_of_what_was_to_be_written_is_nothing(oauth_account: OAuthAccount) -> None:
    oauth_account.authorized()
    whole = oauth_account.file.read_bytes()
    oauth_account.file.with_suffix(".renewing").write_bytes(whole.rstrip()[:-5].ljust(RESERVED_BYTES))
    oauth_account.authorization().refresh()
    assert not oauth_account.is_open


def test_a_lock_that_is_never_given_back_is_not_waited_for_for_ever(oauth_account: OAuthAccount) -> None:
    authorization = oauth_account.authorized()
    with oauth_account.authorization()._token_store.locked():
        oauth_account.emulator.clock.advance(timedelta(hours=24))
        ticks = iter(range(10**6))
        authorization._token_store._clock = replace(oauth_account.clock, monotonic=lambda: float(next(ticks)))
        with pytest.raises(Unavailable, match=r"Another process has been renewing the tokens for 300 seconds"):
            authorization()


def test_tokens_and_their_names_are_on_the_disk(oauth_account: OAuthAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is begun and its name, then the pair and its name."""
    synced: list[str] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    oauth_account.authorization().authorize(oauth_account.code())
    assert synced == ["file", "folder"] * 2
    assert stat.S_IMODE(oauth_account.file.stat().st_mode) == 0o600
