"""Reading what the warehouse holds open for an account. Nothing is written here."""

from __future__ import annotations

from sqlalchemy import Connection

from pipelines.amocrm.extract import Known
from pipelines.amocrm.records import Oddity
from pipelines.tables.decide import CurrentSegment, StoredState
from pipelines.warehouse.statements import statement


def account_of_key(connection: Connection, account_key: str) -> int | None:
    """The account that a key of the settings is bound to; None before its first snapshot."""
    found: int | None = connection.scalar(statement("account_of_key"), {"account_key": account_key})
    return found


def key_of_account(connection: Connection, account_id: int) -> str | None:
    """The key that an account's history is under; None before its first snapshot."""
    found: str | None = connection.scalar(statement("key_of_account"), {"account_id": account_id})
    return found


def read_state(connection: Connection, account_id: int) -> StoredState:
    """All that the next snapshot of the account is compared with."""
    of = {"account_id": account_id}
    newest = connection.execute(statement("newest_snapshot"), of).one_or_none()
    return StoredState(
        observed_at=newest.observed_at if newest else None,
        observed_date=newest.observed_date if newest else None,
        stages={row.stage_id: row.content_hash for row in connection.execute(statement("open_stages"), of)},
        fields={row.field_id: row.content_hash for row in connection.execute(statement("open_fields"), of)},
        options={
            (row.field_id, row.option_id): row.content_hash for row in connection.execute(statement("open_options"), of)
        },
        segments={
            row.segment_id: CurrentSegment(
                content_hash=row.content_hash, customers_count=row.customers_count, valid_from=row.valid_from
            )
            for row in connection.execute(statement("current_segments"), of)
        },
        oddities=frozenset(
            Oddity(kind=row.kind, thing=row.thing, thing_id=row.thing_id, detail=row.detail)
            for row in connection.execute(statement("open_quality_events"), of)
        ),
    )


def known_things(account_id: int, state: StoredState) -> Known:
    """The ids that a load has to account for: seen again, or confirmed as gone."""
    return Known(
        account_id=account_id,
        stage_ids=frozenset(state.stages),
        segment_ids=frozenset(state.segments),
        field_ids=frozenset(state.fields),
        option_ids=frozenset(state.options),
    )
