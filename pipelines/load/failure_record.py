"""Record of failed loads, which explains the gaps in an account's history."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from pipelines.base.errors import DatabaseError, WarehouseError, describe_unexpected
from pipelines.base.file_error import as_known_error
from pipelines.load.context import LoadContext
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement
from pipelines.warehouse.state import account_id_for_key


@contextmanager
def failures_recorded(context: LoadContext, started_at: datetime) -> Iterator[None]:
    """Insert a row into ``amocrm.load_failure`` if the load fails, then re-raise the error."""
    account_key = context.account_key
    try:
        yield
    except Exception as error:
        known = as_known_error(error)
        if isinstance(known, WarehouseError):
            known.account = known.account or account_key
        # If the database itself failed, the row cannot be written; the original error reports it.
        with suppress(DatabaseError), transaction(context.engine, account=account_key) as connection:
            connection.execute(
                statement("insert_load_failure"),
                {
                    "account_key": account_key,
                    "account_id": account_id_for_key(connection, account_key),
                    "started_at": started_at,
                    "failed_at": context.clock.now(),
                    "error": type(known).__name__,
                    "message": str(known) if isinstance(known, WarehouseError) else describe_unexpected(known),
                    "run_id": context.run_id,
                },
            )
        raise
