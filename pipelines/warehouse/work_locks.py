"""Locks of work that one process at a time may do for an account. They end with the transaction."""

from __future__ import annotations

from typing import Literal, TypeAlias

from sqlalchemy import Connection

from pipelines.warehouse.queries import statement

Work: TypeAlias = Literal["raw_answer", "size_alert", "wide_view", "apply"]


def lock_work(connection: Connection, work: Work, account_id: int) -> None:
    """Wait for whoever does this work for the account, and keep others waiting until the transaction ends."""
    connection.execute(statement("lock_work"), {"work": work, "account_id": account_id})
