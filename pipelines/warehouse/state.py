"""Reading what the warehouse holds open for an account. Nothing is written here."""

from __future__ import annotations

from sqlalchemy import Connection

from pipelines.amocrm.extract import KnownEntities
from pipelines.amocrm.models import Anomaly
from pipelines.transform.diff import CurrentSegment, StoredState
from pipelines.warehouse.queries import statement


def account_id_for_key(connection: Connection, account_key: str) -> int | None:
    """The account that a key of the settings is bound to; None before its first snapshot."""
    value: int | None = connection.scalar(statement("account_of_key"), {"account_key": account_key})
    return value


def key_for_account_id(connection: Connection, account_id: int) -> str | None:
    """The key that an account's history is under; None before its first snapshot."""
    value: str | None = connection.scalar(statement("key_of_account"), {"account_id": account_id})
    return value


def read_stored_state(connection: Connection, account_id: int) -> StoredState:
    """All that the next snapshot of the account is compared with."""
    parameters = {"account_id": account_id}
    latest = connection.execute(statement("newest_snapshot"), parameters).one_or_none()
    return StoredState(
        observed_at=latest.observed_at if latest else None,
        observed_date=latest.observed_date if latest else None,
        stages={row.stage_id: row.content_hash for row in connection.execute(statement("open_stages"), parameters)},
        fields={row.field_id: row.content_hash for row in connection.execute(statement("open_fields"), parameters)},
        options={
            (row.field_id, row.option_id): row.content_hash
            for row in connection.execute(statement("open_options"), parameters)
        },
        segments={
            row.segment_id: CurrentSegment(
                content_hash=row.content_hash, customers_count=row.customers_count, valid_from=row.valid_from
            )
            for row in connection.execute(statement("current_segments"), parameters)
        },
        anomalies=frozenset(
            Anomaly(kind=row.kind, thing=row.thing, thing_id=row.thing_id, detail=row.detail)
            for row in connection.execute(statement("open_quality_events"), parameters)
        ),
    )


def known_entities(account_id: int, state: StoredState) -> KnownEntities:
    """The ids that a load has to account for: seen again, or confirmed as gone."""
    return KnownEntities(
        account_id=account_id,
        stage_ids=frozenset(state.stages),
        segment_ids=frozenset(state.segments),
        field_ids=frozenset(state.fields),
        option_ids=frozenset(state.options),
    )
