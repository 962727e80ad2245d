"""What became of accounts' loads, by the warehouse's own record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine

from pipelines.alerts.load_transitions import LoadTransition
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement


def read_failing_keys(engine: Engine) -> frozenset[str]:
    """Keys of the accounts that no load since has succeeded for; those that never did are among them."""
    with transaction(engine) as connection:
        return frozenset(connection.scalars(statement("failed_keys")))


def read_keys_loaded_in_runs(engine: Engine, run_ids: Sequence[str], *, since: datetime) -> frozenset[str]:
    """Keys of the accounts that one of Dagster's runs has loaded; ``since`` when the first of them was begun."""
    with transaction(engine) as connection:
        parameters = {"run_ids": list(run_ids), "since": since}
        return frozenset(connection.scalars(statement("loaded_in_runs"), parameters))


def transitions_in_run(engine: Engine, run_id: str, account_keys: Sequence[str]) -> list[LoadTransition]:
    """How the loads of these accounts went in one of Dagster's runs, and before; of those that ended in it, by key."""
    parameters = {"run_id": run_id, "account_keys": list(account_keys)}
    with transaction(engine) as connection:
        return [LoadTransition(**row) for row in connection.execute(statement("courses_in_run"), parameters).mappings()]
