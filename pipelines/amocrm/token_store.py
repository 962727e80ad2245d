"""Where the tokens of one account lie: a file of mode 0600 that a process killed at any moment leaves usable.

Beside it lie a lock, and while a renewal is under way the room for what it brings: taken before
amoCRM is asked, so that a full disk shows then, and not when the only good token has come. What is
asked is said in ``authorization``.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from pipelines.amocrm.oauth import TokenPair
from pipelines.base.bounded_file import read_json
from pipelines.base.clock import Clock
from pipelines.base.errors import SettingsError, Unavailable
from pipelines.base.private_path import open_private
from pipelines.base.secret import Secret

LOCK_TIMEOUT_SECONDS: Final = 300.0
"""How long another process may take to renew the tokens, all its tries included."""
LOCK_POLL_SECONDS: Final = 0.1
WRITE_RETRY_WAITS: Final = (0.0, 1.0, 4.0)
"""Seconds before each try to write what amoCRM will not give a second time."""

RESERVED_BYTES: Final = 32 * 1024
FILE_WARNING: Final = (
    "Keep this file to yourself. Of two who use copies of it, one is locked out: each refresh token works once."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredTokens:
    """What is known of the access to one account."""

    client_id: str  # of the integration that the tokens were given to
    authorized_url: str  # base URL of the account when access was given
    base_url: str  # its base URL now
    pair: TokenPair
    lost_reason: str | None = None  # why the pair is good for nothing any more, as a sentence


class TokenStore:
    """The tokens of one account. Reading needs no lock, everything else does."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._renewal_file = path.with_suffix(".renewing")
        self._clock = clock

    def read(self) -> StoredTokens | None:
        """What is kept; None where there is nothing that can be read as tokens.

        Raises ``SettingsError``.
        """
        return _read_file(self.path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all others from renewing, in this process and in others; the lock ends with its owner.

        Raises ``Unavailable`` where somebody else holds it for too long, ``SettingsError`` where
        there is no room.
        """
        with self._disk_errors_reported():
            lock = open_private(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT)
        try:
            self._acquire_lock(lock)
            with self._disk_errors_reported():
                self._recover_interrupted_renewal()
            yield
        finally:
            os.close(lock)

    def begin_renewal(self) -> bool:
        """Note durably that new tokens are about to be asked for, and take room for them.

        Returns whether an earlier renewal was begun of which nobody knows how it ended. Raises ``SettingsError``.
        """
        with self._disk_errors_reported():
            is_unresolved = self._renewal_file.exists()
            _write_durably(self._renewal_file, b"")
            _sync_folder(self.path.parent)
        return is_unresolved

    def cancel_renewal(self) -> None:
        """Nothing came, and nothing can have happened to the tokens that are kept."""
        with suppress(OSError):  # what stays behind says only that something was begun
            self._renewal_file.unlink()

    def finish_renewal(self, stored_tokens: StoredTokens) -> None:
        """Put ``kept`` in the place of what was there, durably.

        Raises ``OSError`` after some tries.
        """
        for wait in WRITE_RETRY_WAITS:
            if wait:
                self._clock.sleep(wait)
            try:
                _write_durably(self._renewal_file, _encode_tokens(stored_tokens))
                self._replace_file()
            except OSError as error:
                failure = error
            else:
                return
        raise failure

    def _recover_interrupted_renewal(self) -> None:
        """Take what somebody wrote who was killed before it was in its place."""
        if _read_file(self._renewal_file) is not None:
            self._replace_file()

    def _replace_file(self) -> None:
        self._renewal_file.replace(self.path)
        _sync_folder(self.path.parent)

    def _acquire_lock(self, lock: int) -> None:
        deadline = self._clock.monotonic() + LOCK_TIMEOUT_SECONDS
        while True:
            with suppress(BlockingIOError), self._disk_errors_reported():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            if self._clock.monotonic() > deadline:
                raise Unavailable(
                    f"Another process has been renewing the tokens for {LOCK_TIMEOUT_SECONDS:.0f} seconds."
                )
            self._clock.sleep(LOCK_POLL_SECONDS)

    @contextmanager
    def _disk_errors_reported(self) -> Iterator[None]:
        """Tell of a disk that does not do what it should, before amoCRM was asked for anything."""
        try:
            yield
        except BlockingIOError:
            raise
        except OSError as error:
            raise SettingsError(
                f"the tokens in {self.path.parent} cannot be kept: {error.strerror or type(error).__name__}.",
                advice="Nothing was asked of amoCRM. Make the folder writable and its disk not full, or set "
                "AMOCRM_TOKEN_DIR to another one.",
            ) from None


def _write_durably(path: Path, data: bytes) -> None:
    """Write ``data`` and room for more, durably.

    What a killed process leaves is cut short, and so no JSON.
    """
    descriptor = open_private(path, os.O_WRONLY | os.O_CREAT)
    try:
        rest = memoryview(data.ljust(RESERVED_BYTES))
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.ftruncate(descriptor, max(len(data), RESERVED_BYTES))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _encode_tokens(stored_tokens: StoredTokens) -> bytes:
    pair = stored_tokens.pair
    document = {
        "warning": FILE_WARNING,
        "client_id": stored_tokens.client_id,
        "authorized_url": stored_tokens.authorized_url,
        "base_url": stored_tokens.base_url,
        "access_token": pair.access_token.reveal(),
        "refresh_token": pair.refresh_token.reveal(),
        "received_at": pair.received_at.isoformat(),
        "access_ends_at": pair.access_expires_at and pair.access_expires_at.isoformat(),
        "lost": stored_tokens.lost_reason,
    }
    return json.dumps(document, indent=1).encode("ascii")


def _read_file(path: Path) -> StoredTokens | None:
    try:
        document = read_json(path)
        return StoredTokens(
            client_id=document["client_id"],
            authorized_url=document["authorized_url"],
            base_url=document["base_url"],
            pair=TokenPair(
                access_token=Secret(document["access_token"]),
                refresh_token=Secret(document["refresh_token"]),
                received_at=datetime.fromisoformat(document["received_at"]),
                access_expires_at=document["access_ends_at"] and datetime.fromisoformat(document["access_ends_at"]),
            ),
            lost_reason=document["lost"],
        )
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        return None
    except OSError as error:
        raise SettingsError(
            f"the tokens in {path} cannot be read: {error.strerror or type(error).__name__}.",
            advice="Run this as the user who gave access with './run auth login'.",
        ) from None
