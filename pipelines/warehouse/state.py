"""Read the stored state of an account: its open versions and anomalies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection

from pipelines.amocrm.extract import KnownEntities
from pipelines.amocrm.models import Anomaly
from pipelines.base.errors import DatabaseError
from pipelines.transform.diff import CurrentSegment, StoredState
from pipelines.warehouse.queries import statement
from pipelines.warehouse.together import execute_together


def account_id_for_key(connection: Connection, account_key: str) -> int | None:
    """Return the account id that a key of the settings is bound to; None before its first snapshot."""
    value: int | None = connection.scalar(statement("account_of_key"), {"account_key": account_key})
    return value


def require_account_id(connection: Connection, account_key: str) -> int:
    """Return the account id that a key is bound to.

    Raises ``DatabaseError`` before its first snapshot.
    """
    account_id = account_id_for_key(connection, account_key)
    if account_id is None:
        raise DatabaseError("it has no snapshot yet.", account=account_key, advice="Load the account first.")
    return account_id


def key_for_account_id(connection: Connection, account_id: int) -> str | None:
    """Return the key that an account's history is under; None before its first snapshot."""
    value: str | None = connection.scalar(statement("key_of_account"), {"account_id": account_id})
    return value


def read_stored_state(connection: Connection, account_id: int) -> StoredState:
    """Read the state that the account's next snapshot is compared with."""
    parameters = {"account_id": account_id}
    latest, stages, fields, options, segments, anomalies = execute_together(
        connection, *((name, parameters) for name in _STATE_QUERIES)
    )
    return StoredState(
        observed_at=latest[0].observed_at if latest else None,
        observed_date=latest[0].observed_date if latest else None,
        stages={row.stage_id: row.content_hash for row in stages},
        fields={row.field_id: row.content_hash for row in fields},
        options={(row.field_id, row.option_id): row.content_hash for row in options},
        segments={
            row.segment_id: CurrentSegment(
                content_hash=row.content_hash, customers_count=row.customers_count, valid_from=row.valid_from
            )
            for row in segments
        },
        anomalies=frozenset(map(to_anomaly, anomalies)),
    )


_STATE_QUERIES: Final = (
    "latest_snapshot",
    "open_stages",
    "open_fields",
    "open_options",
    "current_segments",
    "open_quality_events",
)


def to_anomaly(row: Iterable[Any]) -> Anomaly:
    """Convert a row of kind, entity kind, entity id and detail to an anomaly."""
    kind, thing, thing_id, detail = row
    return Anomaly(kind=kind, thing=thing, thing_id=thing_id, detail=detail)


def known_entities(account_id: int, state: StoredState) -> KnownEntities:
    """Return the ids that a load must account for: found again, or confirmed as deleted."""
    return KnownEntities(
        account_id=account_id,
        stage_ids=frozenset(state.stages),
        segment_ids=frozenset(state.segments),
        field_ids=frozenset(state.fields),
        option_ids=frozenset(state.options),
    )
