"""Read an account's recent changes from ``analytics.changes``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection

from pipelines.amocrm.models import Json
from pipelines.warehouse.queries import statement

EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One row of ``analytics.changes``; the view's comments describe its columns."""

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
    old_value: Json = None
    new_value: Json = None


def read_changes(
    connection: Connection, account_id: int, *, after: datetime = EARLIEST, limit: int = 20
) -> list[Change]:
    """Read the changes that snapshots after ``after`` showed, latest first.

    Returns about ``limit`` of them: the changes of the last snapshot among them are always
    complete.
    """
    rows = connection.execute(statement("recent_changes"), {"account_id": account_id, "after": after, "most": limit})
    return [Change(**row._asdict()) for row in rows]
