"""Record of the hosts that blocked this machine's address, in the data folder that all processes share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from pipelines.amocrm.limits import BLOCK_DURATION
from pipelines.base.atomic_file import replace_file
from pipelines.base.bounded_file import read_text
from pipelines.base.clock import Clock
from pipelines.base.errors import Blocked


@contextmanager
def blocks_recorded(data_dir: Path, host: str, clock: Clock) -> Iterator[None]:
    """Record the block if the host blocks this address within the context."""
    try:
        yield
    except Blocked:
        record_block(data_dir, host, clock.now())
        raise


def record_block(data_dir: Path, host: str, now: datetime) -> None:
    """Record that the host blocked this address at ``now``. A record that cannot be written is left out."""
    with suppress(OSError):
        replace_file(_record_file(data_dir, host), (now + BLOCK_DURATION).isoformat().encode())


def raise_if_blocked(data_dir: Path, host: str, now: datetime) -> None:
    """Raise ``Blocked`` if a recorded block of the host has not ended yet. An unreadable record is ignored."""
    try:
        remaining = datetime.fromisoformat(read_text(_record_file(data_dir, host))) - now
    except (OSError, ValueError, TypeError, OverflowError):  # TypeError: an instant without a time zone
        return
    if timedelta() < remaining <= BLOCK_DURATION:
        minutes = max(1, round(remaining.total_seconds() / 60))
        raise Blocked(f"{host} blocked this address; no request is sent to it for another {minutes} minutes.")


def _record_file(data_dir: Path, host: str) -> Path:
    return data_dir / "blocked" / re.sub(r"[^a-z0-9.-]", "_", host)
