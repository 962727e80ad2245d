"""Changing tables and views that others read at that moment, without any of them ever being ended by a deadlock.

Whoever changes takes all locks first, sooner than Postgres could see a deadlock in it, or gives way and tries again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from pipelines.errors import DatabaseError
from pipelines.warehouse.engine import NOT_FREE
from pipelines.warehouse.in_the_way import who_is_in_the_way
from pipelines.warehouse.statements import execute_as_is, statement, statement_text

Done = TypeVar("Done")

ALL: Final = ("*",)
"""In place of names: every table, or view, that is ours."""

PATIENCE_SECONDS: Final = 60.0
"""How long others are given way."""

PAUSE_SECONDS: Final = 0.1


def giving_way(
    connection: Connection,
    work: Callable[[], Done],
    *,
    tables: Collection[str] = (),
    referred: Collection[str] = (),
    views: Collection[str] = (),
    first: Callable[[], object] = lambda: None,
    sleep: Callable[[float], object] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Done:
    """Do the work in a transaction that holds these tables and views; it may then change them without waiting.

    Those ``referred`` to are held against writers alone: a foreign key to them may be made. Raises ``DatabaseError``
    where others did not let go for a minute; nothing was done then. ``first`` is done at the beginning of each try.
    """
    locks = {"tables": ",".join(tables), "referred": ",".join(referred), "views": ",".join(views)}
    ends_at = monotonic() + PATIENCE_SECONDS
    while True:
        with connection.begin() as transaction:
            first()
            if _are_had(connection, locks):
                return work()
            is_over = monotonic() > ends_at
            others = who_is_in_the_way(connection) if is_over else ""
            transaction.rollback()
        if is_over:
            raise DatabaseError(
                f"Others have read or written, for a minute without a break, what has to be changed. {others}".rstrip(),
                advice="Run it again when they have ended; pg_stat_activity shows what they do.",
            )
        sleep(PAUSE_SECONDS)


def _are_had(connection: Connection, locks: Mapping[str, str]) -> bool:
    connection.execute(statement("name_for_change"), locks)
    try:
        with connection.begin_nested():
            execute_as_is(connection, statement_text("lock_for_change"))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != NOT_FREE:
            raise
        return False
    return True
