"""Hosts that blocked this machine's address, kept in the data folder, so that the next process does not ask either."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pipelines.atomic_file import replace_file
from pipelines.bounded_file import read_text
from pipelines.clock import Clock
from pipelines.errors import Blocked

LASTS: Final = timedelta(hours=1)
"""How long a host is left alone: whoever goes on asking is blocked for longer."""


@contextmanager
def block_noted(data_dir: Path, host: str, clock: Clock) -> Iterator[None]:
    """Have the next processes leave the host alone if it blocks this address meanwhile."""
    try:
        yield
    except Blocked:
        note_block(data_dir, host, clock.now())
        raise


def note_block(data_dir: Path, host: str, now: datetime) -> None:
    """Remember that the host blocked this address."""
    replace_file(_note(data_dir, host), (now + LASTS).isoformat().encode())


def refuse_blocked(data_dir: Path, host: str, now: datetime) -> None:
    """Raise ``Blocked`` while the host is to be left alone."""
    try:
        left = datetime.fromisoformat(read_text(_note(data_dir, host))) - now
    except (FileNotFoundError, ValueError):
        return
    if timedelta() < left <= LASTS:
        minutes = max(1, round(left.total_seconds() / 60))
        raise Blocked(f"{host} blocked this address; it is not asked for another {minutes} minutes.")


def _note(data_dir: Path, host: str) -> Path:
    return data_dir / "blocked" / re.sub(r"[^a-z0-9.-]", "_", host)
