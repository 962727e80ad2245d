"""What became of accounts' loads, by the warehouse's own record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine

from pipelines.warehouse.engine import transaction
from pipelines.warehouse.statements import statement


def failed_keys(engine: Engine) -> frozenset[str]:
    """Keys of the accounts that no load since has succeeded for; those that never did are among them."""
    with transaction(engine) as connection:
        return frozenset(connection.scalars(statement("failed_keys")))


def loaded_in_runs(engine: Engine, run_ids: Sequence[str], *, since: datetime) -> frozenset[str]:
    """Keys of the accounts that one of Dagster's runs has loaded; ``since`` when the first of them was begun."""
    with transaction(engine) as connection:
        parameters = {"run_ids": list(run_ids), "since": since}
        return frozenset(connection.scalars(statement("loaded_in_runs"), parameters))
