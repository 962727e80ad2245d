"""Read the outcomes of accounts' loads from the warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine

from pipelines.alerts.load_transitions import LoadTransition
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement


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
    """Read the accounts' outcomes in a Dagster run and before it, by key; accounts that did not finish are left out."""
    parameters = {"run_id": run_id, "account_keys": list(account_keys)}
    with transaction(engine) as connection:
        rows = connection.execute(statement("transitions_in_run"), parameters)
        return [LoadTransition(**row._asdict()) for row in rows]
