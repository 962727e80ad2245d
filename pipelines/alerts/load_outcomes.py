"""Read the outcomes of accounts' loads from the warehouse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, Engine

from pipelines.alerts.load_transitions import LoadTransition
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


def read_failing_keys(engine: Engine) -> frozenset[str]:
    """Read the keys of accounts whose latest load failed, including accounts that have never been loaded."""
    with transaction(engine) as connection:
        return frozenset(connection.scalars(statement("failing_keys")))


def read_keys_loaded_in_runs(engine: Engine, run_ids: Sequence[str], *, since: datetime) -> frozenset[str]:
    """Read the keys of accounts that one of these Dagster runs has loaded.

    ``since`` is the start of the first run.
    """
    with transaction(engine) as connection:
        parameters = {"run_ids": list(run_ids), "since": since}
        return frozenset(connection.scalars(statement("keys_loaded_in_runs"), parameters))


def transitions_in_run(engine: Engine, run_id: str, account_keys: Sequence[str]) -> list[LoadTransition]:
    """Read the accounts' outcomes in a Dagster run, by key; accounts that did not finish are left out."""
    return _transitions(engine, run_id, BEGINNING, account_keys)


def transitions_since(engine: Engine, started_at: datetime, account_keys: Sequence[str]) -> list[LoadTransition]:
    """Read the accounts' outcomes in loads without Dagster that began at ``started_at`` or later, by key."""
    return _transitions(engine, None, started_at, account_keys)


def transitions_of_scans(engine: Engine, errors: Mapping[str, str | None], ended_at: datetime) -> list[LoadTransition]:
    """Compare the outcomes of scans, an error or None by account key, with what receivers were notified of."""
    with transaction(engine) as connection:
        notices = {row.account_key: row for row in connection.execute(statement("scan_notices"))}
    return [
        LoadTransition(
            account_key=key,
            ended_at=ended_at,
            error=error,
            before_at=notice.failed_at if (notice := notices.get(key)) else None,
            error_before=notice.error if notice else None,
            since=notice.failing_since if notice else ended_at,
            is_scan=True,
        )
        for key, error in sorted(errors.items())
    ]


def record_notified(connection: Connection, transitions: Iterable[LoadTransition]) -> None:
    """Record that a receiver was notified of these transitions; those without an event change nothing."""
    for transition in transitions:
        if transition.event:
            values = {
                "account_key": transition.account_key,
                "is_scan": transition.is_scan,
                "error": transition.error,
                "failing_since": transition.since,
                "failed_at": transition.ended_at,
            }
            name = "upsert_failure_notice" if transition.error else "delete_failure_notice"
            connection.execute(statement(name), values)


def _transitions(
    engine: Engine, run_id: str | None, started_at: datetime, account_keys: Sequence[str]
) -> list[LoadTransition]:
    parameters = {"run_id": run_id, "started_at": started_at, "account_keys": list(account_keys)}
    with transaction(engine) as connection:
        rows = connection.execute(statement("transitions_in_run"), parameters)
        return [LoadTransition(**row._asdict()) for row in rows]
