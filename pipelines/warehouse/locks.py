"""Lock tables and views for a change without deadlocks with their readers.

All locks are taken first, each with a timeout shorter than ``deadlock_timeout``. On a conflict all
are released, and the attempt is retried.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from pipelines.base.errors import DatabaseError
from pipelines.warehouse.blockers import describe_blockers
from pipelines.warehouse.engine import LOCK_NOT_AVAILABLE, sqlstate_of
from pipelines.warehouse.queries import execute_as_is, statement, statement_text

Result = TypeVar("Result")

ALL_RELATIONS: Final = ("*",)
"""Passed instead of names: all of our tables, or views."""

MAX_RETRY_SECONDS: Final = 60.0
"""Time for which taking the locks is retried."""

RETRY_PAUSE_SECONDS: Final = 0.1


def with_lock_retry(
    connection: Connection,
    work: Callable[[], Result],
    *,
    tables: Collection[str] = (),
    referenced: Collection[str] = (),
    views: Collection[str] = (),
    first: Callable[[], object] = lambda: None,
    sleep: Callable[[float], object] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Result:
    """Call ``work`` in a transaction that holds exclusive locks on these tables and views.

    Tables in ``referenced`` are locked against writers only, which is enough to add a foreign key
    to them. ``first`` is called at the start of each attempt. Raises ``DatabaseError``, with
    nothing done, after a minute of conflicts.
    """
    locks = {"tables": ",".join(tables), "referred": ",".join(referenced), "views": ",".join(views)}
    deadline = monotonic() + MAX_RETRY_SECONDS
    while True:
        with connection.begin() as transaction:
            first()
            if _try_lock(connection, locks):
                return work()
            is_over = monotonic() > deadline
            others = describe_blockers(connection) if is_over else ""
            transaction.rollback()
        if is_over:
            raise DatabaseError(
                f"Other sessions held locks on the tables or views to change for a minute. {others}".rstrip(),
                advice="Run it again when they have ended; pg_stat_activity shows what they do.",
            )
        sleep(RETRY_PAUSE_SECONDS)


def _try_lock(connection: Connection, locks: Mapping[str, str]) -> bool:
    """Take all locks, or none and return False."""
    connection.execute(statement("set_lock_targets"), locks)
    try:
        with connection.begin_nested():
            execute_as_is(connection, statement_text("lock_relations"))
    except DBAPIError as error:
        if sqlstate_of(error) != LOCK_NOT_AVAILABLE:
            raise
        return False
    return True
