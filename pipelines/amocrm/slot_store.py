"""Where a pace keeps its one number: when the next turn is.

In this process, or in a file for all of this machine's.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from pipelines.amocrm.limits import MAX_SLOT_SECONDS_AHEAD
from pipelines.base.errors import SettingsError
from pipelines.base.private_path import open_private

NEVER_USED: Final = float("-inf")
"""What the number is before anybody had a turn."""

_SLOT_FORMAT: Final = struct.Struct("<d")


class SlotStore(Protocol):
    """A moment on the monotonic clock, in seconds, that is changed by one at a time."""

    def update(self, compute: Callable[[float], float]) -> float:
        """Put what ``new`` makes of the moment in its place; the moment as it was."""


class MemorySlotStore:
    """Of this process alone. Safe from any thread."""

    def __init__(self) -> None:
        self._timestamp = NEVER_USED
        self._lock = threading.Lock()

    def update(self, compute: Callable[[float], float]) -> float:
        """See ``Turns``."""
        with self._lock:
            old = self._timestamp
            self._timestamp = compute(old)
            return old


class FileSlotStore:
    """Of all processes of this machine that name the same file.

    Safe from any thread and after a fork. All of them read one clock: the monotonic one counts from
    when the machine was started. A turn from before that may lie far ahead, and is forgotten.
    Raises ``SettingsError`` where the file is not ours to write.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._open_file: tuple[int, int] | None = None  # by which process, and the descriptor

    def update(self, compute: Callable[[float], float]) -> float:
        """See ``Turns``."""
        with self._lock:
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
        """The file, opened by this process itself: a fork's would share its parent's lock."""
        if self._open_file is None or self._open_file[0] != os.getpid():
            try:
                descriptor = open_private(self._file, os.O_RDWR | os.O_CREAT)
            except OSError as error:
                raise SettingsError(
                    f"{self._file}, by which this machine's processes share their pace, cannot be written: "
                    f"{error.strerror}.",
                    advice="Set AMOCRM_DATA_DIR to a folder that can be written.",
                ) from None
            self._open_file = os.getpid(), descriptor
        return self._open_file[1]

    def __del__(self) -> None:
        if self._open_file is not None and self._open_file[0] == os.getpid():
            os.close(self._open_file[1])
