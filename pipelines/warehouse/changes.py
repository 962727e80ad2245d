"""Reading what changed lately in an account. How it is told is ``wording``'s subject."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection

from pipelines.warehouse.queries import statement

EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One row of ``analytics.changes``; its columns' comments say what they mean."""

    observed_at: datetime
    previous_observed_at: datetime
    thing: str
    thing_id: int
    thing_name: str | None
    change: str
    property: str | None
    value_field_name: str | None
    old_text: str | None
    new_text: str | None


def read_changes(
    connection: Connection, account_id: int, *, after: datetime = EARLIEST, limit: int = 20
) -> list[Change]:
    """Changes that snapshots later than ``after`` showed, the newest first.

    There are ``most`` of them, and the rest of the last snapshot's: only all together tell what happened in it.
    """
    rows = connection.execute(statement("recent_changes"), {"account_id": account_id, "after": after, "most": limit})
    return [Change(**row._asdict()) for row in rows]
