"""State of the demo's history in the database."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from commands.demo.home import ACCOUNT_KEY
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement
from pipelines.warehouse.state import account_id_for_key


def last_observed_at(engine: Engine) -> datetime | None:
    """Return the instant of the latest snapshot; None before the first load."""
    with transaction(engine) as connection:
        account_id = account_id_for_key(connection, ACCOUNT_KEY)
        latest = connection.execute(statement("latest_snapshot"), {"account_id": account_id}).one_or_none()
        return latest.observed_at if latest else None


def count_rows(engine: Engine) -> int:
    """Count the rows of the history, without raw responses."""
    with transaction(engine) as connection:
        parameters = {"account_id": account_id_for_key(connection, ACCOUNT_KEY)}
        count: int = connection.execute(statement("demo_row_count"), parameters).scalar_one()
        return count
