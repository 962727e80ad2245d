"""Which accounts' newest load failed, by the warehouse's own record."""

from __future__ import annotations

from sqlalchemy import Engine

from pipelines.warehouse.engine import transaction
from pipelines.warehouse.statements import statement


def failed_keys(engine: Engine) -> frozenset[str]:
    """Keys of the accounts that no load since has succeeded for; those that never did are among them."""
    with transaction(engine) as connection:
        return frozenset(connection.scalars(statement("failed_keys")))
