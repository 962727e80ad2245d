"""What is left of a load that failed, so that a gap in the history explains itself. Nothing is caught here for good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine

from pipelines.base.clock import Clock
from pipelines.base.errors import DatabaseError, WarehouseError, describe_unexpected
from pipelines.config.accounts import AccountSettings, AnyAccount
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement
from pipelines.warehouse.state import account_id_for_key


@contextmanager
def failures_recorded(
    engine: Engine, account_key: str, *, started_at: datetime, clock: Clock, run_id: str | None
) -> Iterator[None]:
    """Leave a row in ``amocrm.load_failure`` when a load fails, so that a gap in the history explains itself."""
    try:
        yield
    except Exception as error:
        if isinstance(error, WarehouseError):
            error.account = error.account or account_key
        try:
            with transaction(engine, account=account_key) as connection:
                connection.execute(
                    statement("insert_load_failure"),
                    {
                        "account_key": account_key,
                        "account_id": account_id_for_key(connection, account_key),
                        "started_at": started_at,
                        "failed_at": clock.now(),
                        "error": type(error).__name__,
                        "message": str(error) if isinstance(error, WarehouseError) else describe_unexpected(error),
                        "run_id": run_id,
                    },
                )
        except DatabaseError:
            pass  # the database itself is the trouble: the error below tells of it
        raise


def require_usable(engine: Engine, account: AnyAccount, *, clock: Clock, run_id: str | None) -> AccountSettings:
    """The account as it can be loaded. One that cannot is a load that failed: noted as all are, and raised."""
    if isinstance(account, AccountSettings):
        return account
    with failures_recorded(engine, account.key, started_at=clock.now(), clock=clock, run_id=run_id):
        raise account.error
