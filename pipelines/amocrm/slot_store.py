"""Storage of a rate limiter's one number, its next slot: in this process, or in a file for all processes."""

from __future__ import annotations

import fcntl
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from pipelines.amocrm.limits import MAX_SLOT_SECONDS_AHEAD
from pipelines.base.errors import SettingsError
from pipelines.base.private_path import open_private

NEVER_USED: Final = float("-inf")
"""Value before the first slot is taken."""

_SLOT_FORMAT: Final = struct.Struct("<d")


class SlotStore(Protocol):
    """Slot time on the monotonic clock, in seconds, with atomic updates."""

    def update(self, compute: Callable[[float], float]) -> float:
        """Replace the slot time by ``compute`` of it; return the old one."""


class MemorySlotStore:
    """Slot of this process. Thread-safe."""

    def __init__(self) -> None:
        self._timestamp = NEVER_USED
        self._lock = threading.Lock()

    def update(self, compute: Callable[[float], float]) -> float:
        """Implement ``SlotStore``."""
        with self._lock:
            old = self._timestamp
            self._timestamp = compute(old)
            return old


class FileSlotStore:
    """Slot shared by all processes of this machine that use the same file.

    Thread-safe and fork-safe. The monotonic clock starts when the machine boots, so a slot from
    before the boot may be far ahead and is ignored. Raises ``SettingsError`` if the file cannot be
    written.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._open_file: tuple[int, int] | None = None  # process id and descriptor

    def update(self, compute: Callable[[float], float]) -> float:
        """Implement ``SlotStore``."""
        with self._lock, self._errors_explained():
            descriptor = self._descriptor()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            try:
                stored = os.pread(descriptor, _SLOT_FORMAT.size, 0)
                old: float = _SLOT_FORMAT.unpack(stored)[0] if len(stored) == _SLOT_FORMAT.size else NEVER_USED
                if not old - time.monotonic() <= MAX_SLOT_SECONDS_AHEAD:
                    old = NEVER_USED
                os.pwrite(descriptor, _SLOT_FORMAT.pack(compute(old)), 0)
            finally:
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            return old

    def _descriptor(self) -> int:
        """Open the file in this process: a descriptor inherited by fork would share its parent's lock."""
        if self._open_file is None or self._open_file[0] != os.getpid():
            self._open_file = os.getpid(), open_private(self._file, os.O_RDWR | os.O_CREAT)
        return self._open_file[1]

    @contextmanager
    def _errors_explained(self) -> Iterator[None]:
        """Turn disk errors into ``SettingsError`` that names the file."""
        try:
            yield
        except OSError as error:
            raise SettingsError(
                f"{self._file}, in which this machine's processes share their rate limit, cannot be written: "
                f"{error.strerror}.",
                advice="Set AMOCRM_DATA_DIR to a writable folder.",
            ) from None

    def __del__(self) -> None:
        if self._open_file is not None and self._open_file[0] == os.getpid():
            os.close(self._open_file[1])
