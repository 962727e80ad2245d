"""Storage of one account's tokens: a file of mode 0600 that stays usable if a process is killed.

A lock file lies beside it and, during a renewal, a file with reserved space for the new tokens: a
full disk then fails before the request, not when the only valid token has arrived.
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
"""Seconds to wait while another process renews the tokens."""
LOCK_POLL_SECONDS: Final = 0.1
WRITE_RETRY_WAITS: Final = (0.0, 1.0, 4.0)
"""Seconds before each attempt to write tokens that amoCRM will not issue again."""

RESERVED_BYTES: Final = 32 * 1024
_TEXTS: Final = ("client_id", "authorized_url", "base_url", "access_token", "refresh_token")
"""Members of the file's JSON that are always text."""
FILE_WARNING: Final = (
    "Keep this file private and do not copy it: each refresh token works once, so one of two copies stops working."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredTokens:
    """State of the access to one account."""

    client_id: str  # integration that the tokens were issued to
    authorized_url: str  # base URL of the account when access was granted
    base_url: str  # its base URL now
    pair: TokenPair
    lost_reason: str | None = None  # why the pair no longer works, as a sentence


class TokenStore:
    """Tokens of one account on disk. Reading needs no lock, everything else does."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._renewal_file = path.with_suffix(".renewing")
        self._clock = clock

    def read(self) -> StoredTokens | None:
        """Read the tokens; None if there are none. Raises ``SettingsError``."""
        return _read_file(self.path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock on renewals, against threads and processes; the system frees it if the process dies.

        Raises ``Unavailable`` if another process holds it too long, ``SettingsError`` if the disk
        fails.
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
        """Record on disk that a renewal begins, and reserve space for its tokens.

        Returns True if an earlier renewal began and its outcome is unknown. Raises
        ``SettingsError``.
        """
        with self._disk_errors_reported():
            is_unresolved = self._renewal_file.exists()
            _write_durably(self._renewal_file, b"")
            _sync_folder(self.path.parent)
        return is_unresolved

    def cancel_renewal(self) -> None:
        """Delete the record of a renewal that did not happen."""
        with suppress(OSError):  # a record that stays is harmless
            self._renewal_file.unlink()

    def finish_renewal(self, stored_tokens: StoredTokens) -> None:
        """Replace the stored tokens durably. Raises ``OSError`` after several attempts."""
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
        """Take over tokens that a killed process wrote but did not rename."""
        if _read_file(self._renewal_file) is not None:
            self._replace_file()

    def _replace_file(self) -> None:
        """Rename the renewal file over the stored tokens and sync the folder."""
        self._renewal_file.replace(self.path)
        _sync_folder(self.path.parent)

    def _acquire_lock(self, lock: int) -> None:
        """Wait for the lock. Raises ``Unavailable`` after ``LOCK_TIMEOUT_SECONDS``."""
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
        """Turn disk errors before a request into ``SettingsError``."""
        try:
            yield
        except BlockingIOError:
            raise
        except OSError as error:
            raise SettingsError(
                f"the tokens in {self.path.parent} cannot be stored: {error.strerror or type(error).__name__}.",
                advice="No request was sent to amoCRM. Make the folder writable and free disk space, or set "
                "AMOCRM_TOKEN_DIR to another folder.",
            ) from None


def _write_durably(path: Path, data: bytes) -> None:
    """Write ``data`` and padding, and sync. A partial write is not valid JSON."""
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
    """Sync a folder's entries to disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _encode_tokens(stored_tokens: StoredTokens) -> bytes:
    """Encode tokens as the file's JSON."""
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
    """Read tokens; None if the file is missing or invalid. Raises ``SettingsError``."""
    try:
        document = read_json(path)
        if not all(isinstance(document[name], str) for name in _TEXTS) or not isinstance(document["lost"], str | None):
            return None
        return StoredTokens(
            client_id=document["client_id"],
            authorized_url=document["authorized_url"],
            base_url=document["base_url"],
            pair=TokenPair(
                access_token=Secret(document["access_token"]),
                refresh_token=Secret(document["refresh_token"]),
                received_at=_instant(document["received_at"]),
                access_expires_at=document["access_ends_at"] and _instant(document["access_ends_at"]),
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
            advice="Run this as the user who ran './run auth login'.",
        ) from None


def _instant(text: str) -> datetime:
    """Parse an instant with an offset. Raises ``ValueError``, also for years with which nothing can be computed."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None or not 1900 < instant.year < 9900:
        raise ValueError(text)
    return instant
