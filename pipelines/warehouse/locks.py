"""Changing tables and views that others read at that moment, without any of them ever being ended by a deadlock.

Whoever changes takes all locks first, sooner than Postgres could see a deadlock in it, or gives way and tries again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from pipelines.base.errors import DatabaseError
from pipelines.warehouse.blockers import describe_blockers
from pipelines.warehouse.engine import LOCK_NOT_AVAILABLE
from pipelines.warehouse.queries import execute_as_is, statement, statement_text

Result = TypeVar("Result")

ALL_RELATIONS: Final = ("*",)
"""In place of names: every table, or view, that is ours."""

MAX_RETRY_SECONDS: Final = 60.0
"""How long others are given way."""

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
    """Do the work in a transaction that holds these tables and views; it may then change them without waiting.

    Those ``referred`` to are held against writers alone: a foreign key to them may be made. Raises ``DatabaseError``
    where others did not let go for a minute; nothing was done then. ``first`` is done at the beginning of each try.
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
                f"Others have read or written, for a minute without a break, what has to be changed. {others}".rstrip(),
                advice="Run it again when they have ended; pg_stat_activity shows what they do.",
            )
        sleep(RETRY_PAUSE_SECONDS)


def _try_lock(connection: Connection, locks: Mapping[str, str]) -> bool:
    connection.execute(statement("name_for_change"), locks)
    try:
        with connection.begin_nested():
            execute_as_is(connection, statement_text("lock_for_change"))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        return False
    return True
