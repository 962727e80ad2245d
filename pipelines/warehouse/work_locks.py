"""Row locks for work that one process at a time may do for an account.

The transaction's end releases them.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from sqlalchemy import Connection

from pipelines.warehouse.queries import statement

Work: TypeAlias = Literal["raw_answer", "size_alert", "wide_view", "apply"]


def lock_work(connection: Connection, work: Work, account_id: int) -> None:
    """Take the account's lock for this kind of work, until the transaction ends."""
    connection.execute(statement("lock_work"), {"work": work, "account_id": account_id})
