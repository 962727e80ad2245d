"""Detect a wait for a lock in Postgres, so that tests need not sleep."""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import Any

from sqlalchemy import Engine, text

LOCK_WAIT_QUERY = (
    "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"
)


def waits_for_lock(engine: Engine, work: Future[Any]) -> bool:
    """Return true once the work waits for a lock in this database, false if it ends without."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not work.done():
            if connection.scalar(text(LOCK_WAIT_QUERY)):
                return True
            time.sleep(0.002)
    return False
