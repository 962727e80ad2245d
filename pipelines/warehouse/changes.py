"""Reading what changed lately in an account. How it is told is ``wording``'s subject."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection

from pipelines.warehouse.statements import statement
from pipelines.wording import Change

THE_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


def read_changes(
    connection: Connection, account_id: int, *, after: datetime = THE_BEGINNING, most: int = 20
) -> list[Change]:
    """Changes that snapshots later than ``after`` showed, the newest first.

    There are ``most`` of them, and the rest of the last snapshot's: only all together tell what happened in it.
    """
    rows = connection.execute(statement("recent_changes"), {"account_id": account_id, "after": after, "most": most})
    return [Change(**row._asdict()) for row in rows]
